//! A document that says something, by whom, and with what digest and signature: what all receipts have in common.

use crate::canonical::{canonical, without_layout};
use crate::digest::Digest;
use crate::identity::{PublicKey, Signature};
use crate::receipt::{MAX_RECEIPT_BYTES, ReceiptError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A document as it is written.
pub(crate) trait Signed: Serialize + DeserializeOwned {
    /// The version of its form, which it names.
    const VERSION: u32;
    /// What a signature begins with.
    const PURPOSE: &'static [u8];

    /// The digest of all but digest and signature.
    fn own_digest(&self) -> Result<Digest, ReceiptError>;

    /// Who signed, the digest that was signed, and the signature.
    fn seal(&self) -> (&PublicKey, &Digest, &Signature);

    /// What no such document may say, as a sentence.
    fn check(&self) -> Result<(), String>;
}

/// What is signed: a digest, after words that say what it is the digest of.
pub(crate) fn message<D: Signed>(digest: &Digest) -> Vec<u8> {
    [D::PURPOSE, &digest.0].concat()
}

/// The digest of a document's signed part.
pub(crate) fn digest(body: &impl Serialize) -> Result<Digest, ReceiptError> {
    let body = canonical(body).map_err(ReceiptError::Malformed)?;
    Ok(Digest::of(&[body.as_bytes()]))
}

/// Its one line.
pub(crate) fn to_text(document: &impl Serialize) -> String {
    // What was signed or parsed has a canonical form.
    let mut text = canonical(document).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a document, and checks its form, digest and signature.
pub(crate) fn parse<D: Signed>(text: &str) -> Result<D, ReceiptError> {
    if text.len() > MAX_RECEIPT_BYTES {
        return Err(ReceiptError::TooLong { bytes: text.len() });
    }
    // The version first: a later form may have other fields.
    let version = serde_json::from_str::<OfVersion>(text).map(|of| of.version);
    if let Some(found) = version.ok().filter(|found| *found != u64::from(D::VERSION)) {
        return Err(ReceiptError::Version { found });
    }
    let document: D = serde_json::from_str(text).map_err(|error| ReceiptError::Malformed(error.to_string()))?;
    document.check().map_err(ReceiptError::Malformed)?;
    if without_layout(text) != to_text(&document).trim_end() {
        return Err(ReceiptError::NotCanonical);
    }
    let (key, digest, signature) = document.seal();
    if document.own_digest()? != *digest {
        return Err(ReceiptError::Digest);
    }
    if !key.has_signed(&message::<D>(digest), signature) {
        return Err(ReceiptError::Signature);
    }
    Ok(document)
}

/// The one field by which a document of another version is known.
#[derive(Deserialize)]
struct OfVersion {
    version: u64,
}
