//! One answer as a small signed document.
//!
//! Prompt, settings, seed and fingerprint determine an answer to the bit, so a document that names them and the answer's
//! tokens can be checked by anybody who holds the model. `docs/auditors/receipts.md` explains every field.
//!
//! # Form
//! The canonical form ([`crate::canonical`]) of an object with the fields `version`, `answer` ([`Answer`]) and
//!
//! * `key`, the public key of who signed;
//! * `digest`, the SHA-256 of the canonical form without `digest` and `signature`;
//! * `signature`, that of `key` over the bytes `hefu receipt 1` and a line feed, followed by the digest's 32 bytes.
//!
//! A document is accepted in this form alone, but for blanks and line breaks between its parts: so there is no change of
//! one bit that would go unnoticed, not even one that would not matter.

mod answer;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Grammar, Prompt, Software};

use crate::digest::Digest;
use crate::identity::{Identity, PublicKey, Signature};
use crate::signed::{self, ReceiptError, Signed, VERSION};
use serde::{Deserialize, Serialize};

/// Most tokens of a prompt or an answer.
pub const MAX_TOKENS: usize = 1 << 22;

/// Domain prefix of a receipt's signature.
const PURPOSE: &[u8] = b"hefu receipt 1\n";

/// A signed receipt. Only one whose digest and signature are right is ever made.
#[derive(Clone, Debug, PartialEq)]
pub struct Receipt(Document);

/// The document as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    answer: Answer,
    key: PublicKey,
    digest: Digest,
    signature: Signature,
}

/// The part of the document that is signed.
#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    answer: &'a Answer,
    key: &'a PublicKey,
}

impl Receipt {
    /// Signs an answer.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`] for an answer that no receipt may hold: too many tokens, for example.
    pub fn sign(answer: Answer, identity: &Identity) -> Result<Self, ReceiptError> {
        answer.check().map_err(ReceiptError::Malformed)?;
        let key = identity.public();
        let digest = digest(&answer, &key)?;
        let signature = identity.sign(&signed::message::<Document>(&digest));
        Ok(Self(Document { version: VERSION, answer, key, digest, signature }))
    }

    /// Reads a receipt, and checks its form, digest and signature. Whose the key is, the caller must know.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        signed::parse(text).map(Self)
    }

    /// The document: one line.
    pub fn to_text(&self) -> String {
        signed::to_text(&self.0)
    }

    /// Its content.
    pub fn answer(&self) -> &Answer {
        &self.0.answer
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
    const VERSION: u32 = VERSION;
    const PURPOSE: &'static [u8] = PURPOSE;

    fn own_digest(&self) -> Result<Digest, ReceiptError> {
        digest(&self.answer, &self.key)
    }

    fn seal(&self) -> (&PublicKey, &Digest, &Signature) {
        (&self.key, &self.digest, &self.signature)
    }

    fn check(&self) -> Result<(), String> {
        self.answer.check()
    }
}

fn digest(answer: &Answer, key: &PublicKey) -> Result<Digest, ReceiptError> {
    signed::digest(&Body { version: VERSION, answer, key })
}
