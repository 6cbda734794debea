//! The score of an evaluation as a small signed document, over the records of all its samples.
//!
//! Model, task, data and templates determine every number of an evaluation to the bit. So whoever holds the model can make any
//! sample again, and a few that are drawn by chance say how many of the others can be wrong ([`chance`]).
//!
//! # Form
//! The canonical form ([`crate::canonical`]) of an object with the fields `version`, `score` ([`Score`]), `key`, `digest` and
//! `signature`, as those of a [receipt](crate::Receipt); the signature is over the bytes `hefu score 1`, a line feed and the digest.
//! In a file it is the first line; the records of the samples are the others, each in its canonical form, and `root` is
//! [`crate::merkle::root`] over them.

pub mod chance;

use crate::digest::Digest;
use crate::identity::{Identity, PublicKey, Signature};
use crate::merkle;
use crate::receipt::Software;
use crate::signed::ReceiptError;
use crate::signed::{self, Signed};
use serde::{Deserialize, Serialize};

/// The version of the form.
pub const SCORE_VERSION: u32 = 1;
/// Most samples of an evaluation.
pub const MAX_SAMPLES: usize = 1 << 24;
/// Longest of the short texts, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Longest text of a task, in bytes.
const MAX_TASK_BYTES: usize = 1 << 20;

/// Domain prefix of a score's signature.
const PURPOSE: &[u8] = b"hefu score 1\n";

/// A signed score. Only one whose digest and signature are right is ever made.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreReceipt(Document);

/// The document as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    score: Score,
    key: PublicKey,
    digest: Digest,
    signature: Signature,
}

/// The part of the document that is signed.
#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    score: &'a Score,
    key: &'a PublicKey,
}

/// A score and what it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Its name, unique to it.
    pub id: String,
    /// Time when it was complete: milliseconds since 1970 (UTC), by the clock of the instance.
    pub time: u64,
    /// Model that was evaluated.
    pub model: Judged,
    /// Model that judged the answers, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judge: Option<Judged>,
    /// Software that computed it.
    pub software: Software,
    /// The task's name.
    pub name: String,
    /// The task as it was given: text in YAML.
    pub task: String,
    /// SHA-256 of that text.
    pub task_digest: Digest,
    /// SHA-256 of the file of samples.
    pub data_digest: Digest,
    /// SHA-256 of the file of worked examples, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub examples_digest: Option<Digest>,
    /// SHA-256 of the chat template, if one made the prompts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_digest: Option<Digest>,
    /// Most positions that prompt and answer had together.
    pub context: usize,
    /// Number of samples.
    pub samples: usize,
    /// The root over their records.
    pub root: Digest,
    /// Points that the samples earned together.
    pub numerator: u64,
    /// Points there were to earn, or the unit of the count.
    pub denominator: u64,
}

/// A model, as a score names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// Its name on the instance, for people.
    pub name: String,
    /// Fingerprint of model, settings and contract.
    pub fingerprint: String,
}

impl ScoreReceipt {
    /// Signs a score.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] for a score that no receipt may hold.
    pub fn sign(score: Score, identity: &Identity) -> Result<Self, ReceiptError> {
        score.check().map_err(ReceiptError::Malformed)?;
        let key = identity.public();
        let digest = signed::digest(&Body { version: SCORE_VERSION, score: &score, key: &key })?;
        let signature = identity.sign(&signed::message::<Document>(&digest));
        Ok(Self(Document { version: SCORE_VERSION, score, key, digest, signature }))
    }

    /// Reads a signed score, and checks its form, digest and signature. Whose the key is, the caller must know.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        signed::parse(text).map(Self)
    }

    /// True if a text is meant to be one: an object with a `score`.
    pub fn is_meant(text: &str) -> bool {
        #[derive(Deserialize)]
        struct Meant {
            #[serde(rename = "score")]
            _score: serde::de::IgnoredAny,
        }
        serde_json::from_str::<Meant>(text).is_ok()
    }

    /// Checks that these are the records of its samples, in order.
    ///
    /// # Errors
    /// A sentence, if they are not.
    pub fn covers<T: AsRef<[u8]>>(&self, records: &[T]) -> Result<(), String> {
        let score = self.score();
        if records.len() != score.samples {
            return Err(format!("it has {} records, but is the score of {} samples", records.len(), score.samples));
        }
        match merkle::root(records) == score.root {
            true => Ok(()),
            false => Err("the root over its records is another than it states, so one of them was changed".to_owned()),
        }
    }

    /// The document: one line.
    pub fn to_text(&self) -> String {
        signed::to_text(&self.0)
    }

    /// Its content.
    pub fn score(&self) -> &Score {
        &self.0.score
    }

    /// The signer.
    pub fn key(&self) -> &PublicKey {
        &self.0.key
    }

    /// The digest of what it says.
    pub fn digest(&self) -> &Digest {
        &self.0.digest
    }
}

impl Signed for Document {
    const VERSION: u32 = SCORE_VERSION;
    const PURPOSE: &'static [u8] = PURPOSE;

    fn own_digest(&self) -> Result<Digest, ReceiptError> {
        signed::digest(&Body { version: self.version, score: &self.score, key: &self.key })
    }

    fn seal(&self) -> (&PublicKey, &Digest, &Signature) {
        (&self.key, &self.digest, &self.signature)
    }

    fn check(&self) -> Result<(), String> {
        self.score.check()
    }
}

impl Score {
    fn check(&self) -> Result<(), String> {
        let judge = self.judge.as_ref();
        for (name, text) in [
            ("id", Some(&self.id)),
            ("name", Some(&self.name)),
            ("model.name", Some(&self.model.name)),
            ("model.fingerprint", Some(&self.model.fingerprint)),
            ("judge.name", judge.map(|judge| &judge.name)),
            ("judge.fingerprint", judge.map(|judge| &judge.fingerprint)),
            ("software.name", Some(&self.software.name)),
        ] {
            let Some(text) = text else { continue };
            if text.is_empty() || text.len() > MAX_TEXT_BYTES {
                return Err(format!("{name} has {} bytes, but must have 1 to {MAX_TEXT_BYTES}", text.len()));
            }
        }
        if self.task.len() > MAX_TASK_BYTES {
            return Err(format!("task has {} bytes, but at most {MAX_TASK_BYTES} are possible", self.task.len()));
        }
        if Digest::of(&[self.task.as_bytes()]) != self.task_digest {
            return Err("task_digest is not that of task".to_owned());
        }
        if self.samples == 0 || self.samples > MAX_SAMPLES {
            return Err(format!("samples is {}, but must be 1 to {MAX_SAMPLES}", self.samples));
        }
        if self.denominator == 0 {
            return Err("denominator is 0".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn score(records: &[&str]) -> Score {
        let of = |text: &str| Digest::of(&[text.as_bytes()]);
        Score {
            id: "1".into(),
            time: 2,
            model: Judged { name: "m".into(), fingerprint: "hefu1-a".into() },
            judge: None,
            software: Software { name: "hefu".into(), digest: of("program") },
            name: "t".into(),
            task: "name: t".into(),
            task_digest: of("name: t"),
            data_digest: of("data"),
            examples_digest: None,
            template_digest: Some(of("template")),
            context: 64,
            samples: records.len(),
            root: merkle::root(records),
            numerator: 1,
            denominator: 2,
        }
    }

    fn identity() -> (tempfile::TempDir, Identity) {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity::open_or_create(&folder.path().join("key.pem")).unwrap();
        (folder, identity)
    }

    #[test]
    fn a_score_reads_back_and_covers_its_records_alone() {
        let (_folder, identity) = identity();
        let records = ["{\"a\":1}", "{\"a\":2}"];
        let receipt = ScoreReceipt::sign(score(&records), &identity).unwrap();
        let text = receipt.to_text();
        assert_eq!(ScoreReceipt::parse(&text).unwrap(), receipt);
        assert!(ScoreReceipt::is_meant(&text) && !ScoreReceipt::is_meant("{\"answer\": 1}"));
        assert_eq!(receipt.covers(&records), Ok(()));
        assert!(receipt.covers(&["{\"a\":1}"]).unwrap_err().contains("2 samples"));
        assert!(receipt.covers(&["{\"a\":2}", "{\"a\":1}"]).unwrap_err().contains("changed"));
    }

    #[test]
    fn no_digit_can_be_changed_unnoticed() {
        let (_folder, identity) = identity();
        let text = ScoreReceipt::sign(score(&["a"]), &identity).unwrap().to_text();
        let line = text.trim_end();
        for (at, character) in line.char_indices().filter(|(_, character)| character.is_ascii_digit()) {
            let other = if character == '9' { '8' } else { (character as u8 + 1) as char };
            let changed = format!("{}{other}{}", &line[..at], &line[at + 1..]);
            assert!(ScoreReceipt::parse(&changed).is_err(), "{changed}");
        }
    }

    #[test]
    fn what_cannot_be_a_score_is_not_signed() {
        let (_folder, identity) = identity();
        for wrong in [
            Score { denominator: 0, ..score(&["a"]) },
            Score { samples: 0, ..score(&["a"]) },
            Score { task: "other".into(), ..score(&["a"]) },
            Score { name: String::new(), ..score(&["a"]) },
        ] {
            assert!(matches!(ScoreReceipt::sign(wrong, &identity), Err(ReceiptError::Malformed(_))));
        }
    }
}
