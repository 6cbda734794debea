//! Rows of a log, and the hashes and signatures that tie the rows together.

use super::clock::Tick;
use super::content::{Content, digest};
use crate::digest::Digest;
use crate::identity::{Identity, PublicKey, Signature};
use serde::{Deserialize, Serialize};

/// Domain prefix of the digest of a log's beginning.
const LOG: &[u8] = b"hefu audit log 1\n";
/// Domain prefix of a record's hash.
const RECORD: &[u8] = b"hefu audit record 1\n";

/// A row of a log. In this order: the log itself, what was pruned, what was redacted, records each with the checkpoint
/// and its stamp that stand after it, the head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Row {
    /// The beginning.
    Log(Log),
    /// Records that are gone on purpose.
    Pruning(Pruning),
    /// A record whose content is gone on purpose.
    Redaction(Mark),
    /// A record.
    Record(Entry),
    /// A signature of everything up to a record.
    Checkpoint(Mark),
    /// An authority's word on when a checkpoint was there.
    Stamp(Stamp),
    /// A signature of everything there is.
    Head(Head),
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

/// One record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its number: 1, 2, 3 and so on without gaps.
    pub seq: u64,
    /// Its type: `answer`, `event` or `annotation`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The answer's id; that of any other record is its own.
    pub id: String,
    /// Time when it was complete by the machine's clock: milliseconds since 1970 (UTC).
    pub time: u64,
    /// When, by the log's own clock: milliseconds that it had been kept.
    pub clock: u64,
    /// The digest of its content.
    pub digest: Digest,
    /// Its content in canonical form; nothing if that was taken away.
    pub content: Option<String>,
    /// The hash of the record before, or the digest of the log's beginning.
    pub prev_hash: Digest,
    /// The hash of all of the above but for the content, for which its digest stands.
    pub hash: Digest,
}

/// A signed statement about everything up to a record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The last record; 0 before the first.
    pub seq: u64,
    /// Time when it was signed: milliseconds since 1970 (UTC).
    pub time: u64,
    /// The record's hash.
    pub hash: Digest,
    /// Signer.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// A signed statement about everything there is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The last record.
    pub last: Mark,
    /// The log's own time then.
    pub tick: Tick,
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

/// A time stamp (RFC 3161) of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// The authority's answer (`TimeStampResp`) in hexadecimal digits.
    pub token: String,
    /// The checkpoint, and who put the answer here.
    pub of: Mark,
}

/// Purpose for which a [`Mark`] is signed, so that none is taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Checkpoint,
    /// With the log's own time.
    Head(&'a Tick),
    /// With the first record that was removed.
    Pruning(u64),
    Redaction,
    /// With the authority's answer.
    Stamp(&'a str),
}

impl Log {
    /// Digest of the log, the first record's `prev_hash`.
    pub(super) fn digest(&self) -> Digest {
        Digest::of(&[LOG, &self.created.to_le_bytes(), self.name.as_bytes()])
    }
}

impl Entry {
    /// The hash that the record must have.
    pub(super) fn computed_hash(&self) -> Digest {
        let mut bytes = Vec::from(RECORD);
        bytes.extend_from_slice(&self.prev_hash.0);
        [self.seq, self.time, self.clock].iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        for text in [&self.kind, &self.id] {
            // The length before each text, so that nothing can move from one to the next.
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text.as_bytes());
        }
        bytes.extend_from_slice(&self.digest.0);
        Digest::of(&[&bytes])
    }

    /// True if the content is the one that the digest is of; nothing is, if it was taken away.
    pub(super) fn has_its_content(&self) -> bool {
        self.content.as_deref().is_none_or(|text| digest(text) == self.digest)
    }

    /// Its content; `None` if that was taken away.
    ///
    /// # Errors
    /// A sentence, if it says what no record may say.
    pub fn parsed(&self) -> Result<Option<Content>, String> {
        self.content.as_deref().map(|text| Content::parse(&self.kind, text)).transpose()
    }

    /// Its content if it is of an answer and has any.
    pub fn answer(&self) -> Option<super::Answered> {
        match self.parsed() {
            Ok(Some(Content::Answer(answer))) => Some(*answer),
            _ => None,
        }
    }
}

impl Mark {
    /// Signs that the log with this beginning has this hash at this record.
    pub(super) fn sign(kind: Kind<'_>, log: &Digest, seq: u64, hash: Digest, time: u64, identity: &Identity) -> Self {
        let signature = identity.sign(&message(kind, log, seq, &hash, time));
        Self { seq, time, hash, key: identity.public(), signature }
    }

    /// True if its key has signed it as this, for the log with this beginning.
    pub(super) fn is_signed(&self, kind: Kind<'_>, log: &Digest) -> bool {
        self.key.has_signed(&message(kind, log, self.seq, &self.hash, self.time), &self.signature)
    }
}

impl Head {
    /// Signs that this is all.
    pub(super) fn sign(log: &Digest, seq: u64, hash: Digest, time: u64, tick: Tick, identity: &Identity) -> Self {
        Self { last: Mark::sign(Kind::Head(&tick), log, seq, hash, time, identity), tick }
    }

    /// True if its key has signed it, for the log with this beginning.
    pub(super) fn is_signed(&self, log: &Digest) -> bool {
        self.last.is_signed(Kind::Head(&self.tick), log)
    }
}

fn message(kind: Kind<'_>, log: &Digest, seq: u64, hash: &Digest, time: u64) -> Vec<u8> {
    let (name, first) = match kind {
        Kind::Checkpoint => ("checkpoint", 0),
        Kind::Head(_) => ("head", 0),
        Kind::Pruning(first) => ("pruning", first),
        Kind::Redaction => ("redaction", 0),
        Kind::Stamp(_) => ("stamp", 0),
    };
    let mut bytes = format!("hefu audit {name} 1\n").into_bytes();
    bytes.extend_from_slice(&log.0);
    [first, seq, time].iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    bytes.extend_from_slice(&hash.0);
    match kind {
        Kind::Head(tick) => {
            [tick.clock, tick.uptime].iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
            bytes.extend_from_slice(tick.boot.as_bytes());
        }
        Kind::Stamp(token) => bytes.extend_from_slice(token.as_bytes()),
        _ => {}
    }
    bytes
}
