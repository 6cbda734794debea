//! Signatures of models: every file's SHA-256 in a statement, signed with an elliptic-curve key.
//!
//! The format is that of OpenSSF's model signing 1.0, which lays four standards over each other:
//!
//! ```text
//! files ─▶ Manifest ─▶ in-toto Statement v1 ─▶ DSSE envelope ─▶ Sigstore bundle v0.3
//! paths    SHA-256     JSON: what is signed     ECDSA signature   the file NAME.sig
//! ```
//!
//! Keys are PEM files on the curves P-256 (with SHA-256) and P-384 (with SHA-384). There is no certificate and no
//! transparency log: who trusts a signature has got the public key in a way of their own.

mod bundle;
mod error;
mod key;
mod manifest;
mod statement;
#[cfg(test)]
mod tests;

pub use error::Error;
pub use key::{PublicKey, SecretKey};
pub use manifest::{Manifest, Resource, Subject};

use std::path::Path;

/// Most bytes of a signature file that are read: a statement holds some hundred bytes per file of a model.
pub const MAX_SIGNATURE_BYTES: u64 = 16 << 20;

/// Signs a model and returns the text of the signature file.
///
/// `signature` is where that file is going to lie: inside the folder, it is not part of what is signed.
///
/// # Errors
/// A file that cannot be read, a symbolic link, or a name that is not UTF-8.
pub fn sign(model: Subject<'_>, signature: &Path, key: &SecretKey) -> Result<String, Error> {
    let mut ignored: Vec<String> = manifest::GIT_PATHS.iter().map(ToString::to_string).collect();
    if let Subject::Path(model) = model {
        ignored.extend(manifest::inside(model, signature));
    }
    let manifest = Manifest::of_subject(model, &ignored)?;
    Ok(bundle::seal(&statement::write(&manifest, &ignored), key))
}

/// Checks the text of a signature file: who signed, and that every file of the model is as it was signed, no more and no
/// fewer. Returns what was signed.
///
/// # Errors
/// Whatever is wrong: the file's form, the key, the signature, or the first difference of the model.
pub fn verify(model: Subject<'_>, signature: &str, key: &PublicKey) -> Result<Manifest, Error> {
    let payload = bundle::open(signature, key)?;
    let (expected, ignored) = statement::read(&payload)?;
    expected.equals(&Manifest::of_subject(model, &ignored)?)?;
    Ok(expected)
}

/// Reads a signature file.
///
/// # Errors
/// If it is not there, too large or not UTF-8.
pub fn read(path: &Path) -> Result<String, Error> {
    let fault = |reason: String| Error::Read { path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|error| fault(error.to_string()))?.len();
    if length > MAX_SIGNATURE_BYTES {
        return Err(fault(format!(
            "it has {length} bytes, more than the {MAX_SIGNATURE_BYTES} that a signature may have"
        )));
    }
    std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))
}
