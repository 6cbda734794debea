//! The model store: catalogue, sources, downloads that resume, digests.
//!
//! A *model* is a name and one or more files (more than one when the publisher split it). The digest of a file decides
//! what it is; where it came from does not matter. Everything lies in one folder:
//!
//! ```text
//! blobs/sha256-<hex>      verified files, named by their own digest
//! models/<name>.json      manifests: which blobs make up a model, its licence and source
//! partial/<key>.part      downloads under way, with what is needed to go on in <key>.json
//! locks/<key>.lock        advisory locks: one per download, one for the whole store
//! packed/<key>.weights    weights as a device has them in memory, where somebody asked for such a copy
//! digests/<hash>.json     digests of files here and elsewhere, with the time stamps that they had then
//! ```
//!
//! # How a pull works
//! 1. The name is looked up in the catalogue, or the text is read as a source (see [`SOURCE_KINDS`]).
//! 2. For each file the lock of its download is taken; whoever comes second waits and then finds the file there.
//! 3. The sources are tried in order. Each appends to the partial file, which is hashed as it grows; what an earlier
//!    attempt left is hashed again and continued.
//! 4. A complete file is flushed to the disk, its digest compared, and renamed into `blobs`. Only then is the
//!    manifest written, also by rename. So nothing unverified is ever visible as a model.
//!
//! A stored file is compared with its digest again before it is used whenever its time stamps are not those that were
//! noted with the digest ([`Store::check`]).
//!
//! This crate knows nothing of what is inside a model file, apart from the four bytes at the start of a GGUF file that
//! tell a model from a page of HTML.

mod catalogue;
mod digest;
mod error;
mod http;
mod layout;
mod limits;
mod lock;
mod manifest;
mod model;
mod name;
mod options;
mod packed;
mod partial;
mod progress;
mod pull;
mod repository;
mod source;
mod stamp;
mod store;

pub use catalogue::{Catalogue, CatalogueFile, CatalogueModel, CatalogueRepository, Purpose};
pub use digest::Digest;
pub use error::{SourceFailure, StoreError};
pub use model::{Listing, ModelFile, Removed, Resolution, ResolvedModel};
pub use name::{MAX_SHARDS, ModelName, shard_names};
pub use options::{Environment, Network, PullOptions};
pub use progress::{Flow, Notice, Phase, Progress, Reason};
pub use pull::{Pulled, PulledState};
pub use source::{SOURCE_KINDS, SourceKind};
pub use stamp::{Check, Notes, Stamp};
pub use store::Store;
