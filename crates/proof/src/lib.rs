//! Proof of answers: receipts, the key that signs them, and a log of answers that cannot be changed
//! unnoticed.
//!
//! * [`Receipt`]: one answer as a small signed document, from which it can be made again;
//! * [`Identity`], [`PublicKey`]: the key of an instance of the program;
//! * [`FingerprintInput`]: what two answers must share to be comparable bit for bit;
//! * [`audit`] (a feature): the append-only log, its signed checkpoints, and what examines it;
//! * [`canonical`]: the one way to write a document down, so that a digest means something;
//! * [`score`]: the score of an evaluation, over the records of its samples ([`merkle`]);
//! * [`TraceRoot`]: one digest for all that lies between the layers of a model;
//! * [`Digest`], SHA-256.
//!
//! Nothing here knows of models, text or chips. `docs/auditors/receipts.md` and `docs/auditors/audit.md` are the formats in words.

#[cfg(feature = "audit")]
pub mod audit;
pub mod canonical;
mod clock;
mod digest;
mod fingerprint;
mod id;
mod identity;
pub mod merkle;
mod receipt;
pub mod score;
mod signed;
mod trace;

pub use digest::Digest;
pub use fingerprint::{Fingerprint, FingerprintInput};
pub use id::new_id;
pub use identity::{Identity, IdentityError, PublicKey, Signature};
pub use receipt::{Answer, Grammar, MAX_TOKENS, Prompt, Receipt, Software};
pub use score::{Judged, Score, ScoreReceipt};
pub use signed::{MAX_RECEIPT_BYTES, ReceiptError, VERSION};
pub use trace::{TraceRoot, trace_from_text, trace_to_text};
