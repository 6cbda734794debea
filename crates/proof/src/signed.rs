//! A document that says something, by whom, and with what digest and signature: what all receipts have in common.

use crate::canonical::{canonical, without_layout};
use crate::digest::Digest;
use crate::identity::{PublicKey, Signature};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of the form.
pub const VERSION: u32 = 1;

/// Longest receipt that is read, in bytes.
pub const MAX_RECEIPT_BYTES: usize = 64 << 20;

/// Reason why a document is no receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Too long to be one.
    #[error("it has {bytes} bytes, more than the {MAX_RECEIPT_BYTES} that a receipt may have")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A later version of the form, or none.
    #[error(
        "it is a receipt of version {found}, but this program reads version {VERSION}; a newer program may read it"
    )]
    Version {
        /// The version that it names.
        found: u64,
    },
    /// Not the document that a receipt is.
    #[error("it is no receipt: {0}")]
    Malformed(String),
    /// A receipt, but written down in another way.
    #[error("it is not in the one form that a receipt has, so it was changed after it was made")]
    NotCanonical,
    /// Its content is not what was signed.
    #[error("its digest is not that of what it says, so it was changed after it was made")]
    Digest,
    /// The signature is not that of its key.
    #[error("its signature is not that of the key that it names, so it was changed or forged")]
    Signature,
}

/// A document as it is written.
pub(crate) trait Signed: Serialize + DeserializeOwned {
    /// The version of its form, which it names.
    const VERSION: u32;
    /// Domain prefix of a signature.
    const PURPOSE: &'static [u8];

    /// The digest of all but digest and signature.
    fn own_digest(&self) -> Result<Digest, ReceiptError>;

    /// Signer, the digest that was signed, and the signature.
    fn seal(&self) -> (&PublicKey, &Digest, &Signature);

    /// Checks for what no such document may say; the error is a sentence.
    fn check(&self) -> Result<(), String>;
}

/// The signed message: a digest, after words that say what it is the digest of.
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
    // Signed or parsed documents have a canonical form.
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
