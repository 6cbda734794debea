//! What a log holds, row by row, and the hashes and signatures that tie the rows together.

use crate::digest::Digest;
use crate::identity::{Identity, PublicKey, Signature};
use serde::{Deserialize, Serialize};

/// What the digest of a log's beginning starts with.
const LOG: &[u8] = b"hefu audit log 1\n";
/// What the hash of a record starts with.
const RECORD: &[u8] = b"hefu audit record 1\n";

/// A row of a log. In this order: the log itself, what was pruned, records each with the checkpoint that stands after it,
/// the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Row {
    /// The beginning.
    Log(Log),
    /// Records that are gone on purpose.
    Pruning(Pruning),
    /// An answer.
    Record(Entry),
    /// A signature of everything up to a record.
    Checkpoint(Mark),
    /// A signature of everything there is.
    Head(Mark),
}

/// The beginning of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// Random, so that no two logs begin alike.
    pub name: String,
    /// Milliseconds since 1970 (UTC).
    pub created: u64,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number: 1, 2, 3 and so on without gaps.
    pub seq: u64,
    /// The answer's id.
    pub id: String,
    /// When it was complete: milliseconds since 1970 (UTC).
    pub time: u64,
    /// The model's name.
    pub model: String,
    /// The model's fingerprint.
    pub fingerprint: String,
    /// Who asked: the name of an API key.
    pub client: String,
    /// The request's id in the program's own log.
    pub request: String,
    /// What was stored: `ids`, `text` or `hashes`.
    pub store: String,
    /// The digest that the receipt states of itself.
    pub receipt_digest: Digest,
    /// The receipt, unless hashes alone are stored.
    pub receipt: Option<String>,
    /// The text of the answer, if texts are stored.
    pub text: Option<String>,
    /// The hash of the record before, or the digest of the log's beginning.
    pub prev_hash: Digest,
    /// The hash of all of the above.
    pub hash: Digest,
}

/// A signed statement about everything up to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The last record; 0 before the first.
    pub seq: u64,
    /// When it was signed: milliseconds since 1970 (UTC).
    pub time: u64,
    /// The record's hash.
    pub hash: Digest,
    /// Who signed.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// A signed statement that the records up to a checkpoint were removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pruning {
    /// The first record that was removed.
    pub first: u64,
    /// The last record that was removed and its hash, when, and who says so.
    pub last: Mark,
}

/// What a [`Mark`] is signed as, so that none is taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Checkpoint,
    Head,
    /// With the first record that was removed.
    Pruning(u64),
}

impl Log {
    /// What the first record's `prev_hash` is.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&[LOG, &self.created.to_le_bytes(), self.name.as_bytes()])
    }
}

impl Entry {
    /// The hash that the record must have.
    pub(super) fn computed_hash(&self) -> Digest {
        let mut bytes = Vec::from(RECORD);
        bytes.extend_from_slice(&self.prev_hash.0);
        bytes.extend_from_slice(&self.seq.to_le_bytes());
        bytes.extend_from_slice(&self.time.to_le_bytes());
        let texts = [&self.id, &self.model, &self.fingerprint, &self.client, &self.request, &self.store].map(Some);
        let digest = self.receipt_digest.to_string();
        for text in texts.into_iter().chain([Some(&digest), self.receipt.as_ref(), self.text.as_ref()]) {
            // The length before each text, so that nothing can move from one to the next.
            let length = text.map_or(u64::MAX, |text| text.len() as u64);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(text.map_or(&[], |text| text.as_bytes()));
        }
        Digest::of(&[&bytes])
    }
}

impl Mark {
    /// Signs that the log with this beginning has this hash at this record.
    pub(super) fn sign(kind: Kind, log: &Digest, seq: u64, hash: Digest, time: u64, identity: &Identity) -> Self {
        let signature = identity.sign(&message(kind, log, seq, &hash, time));
        Self { seq, time, hash, key: identity.public(), signature }
    }

    /// Whether its key has signed it as this, for the log with this beginning.
    pub(super) fn is_signed(&self, kind: Kind, log: &Digest) -> bool {
        self.key.has_signed(&message(kind, log, self.seq, &self.hash, self.time), &self.signature)
    }
}

fn message(kind: Kind, log: &Digest, seq: u64, hash: &Digest, time: u64) -> Vec<u8> {
    let (name, first) = match kind {
        Kind::Checkpoint => ("checkpoint", 0),
        Kind::Head => ("head", 0),
        Kind::Pruning(first) => ("pruning", first),
    };
    let mut bytes = format!("hefu audit {name} 1\n").into_bytes();
    bytes.extend_from_slice(&log.0);
    [first, seq, time].iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    bytes.extend_from_slice(&hash.0);
    bytes
}
