//! From the bytes of a model file to logits.
//!
//! * [`gguf`]: the file format;
//! * [`arch`]: model families as data;
//! * [`Config`]: the numbers of one model, read from its metadata and checked;
//! * [`Plan`]: every tensor bound to its place, before memory is taken; [`Model`]: the same with its weights packed
//!   for a device;
//! * [`Cache`] and [`PagePool`]: keys and values of past positions;
//! * [`Model::forward`]: tokens in, logits out, with the same bits however the tokens are cut into batches.
//!
//! This crate names no chip and knows nothing of text.

pub mod arch;
mod bind;
mod blocks;
mod build;
pub mod config;
mod describe;
mod error;
pub mod families;
mod forward;
pub mod gguf;
mod keys;
mod kv;
mod model;
pub mod rope;
mod spec;
mod state;
mod weights;

pub use bind::Plan;
pub use build::limits;
pub use config::Config;
pub use describe::{Description, FormatUse};
pub use error::Error;
pub use forward::Chunk;
pub use kv::{Cache, MAX_PAGES, PagePool};
pub use model::{LoadOptions, Model};
pub use spec::{ModelFiles, ModelSpec};
pub use state::State;
