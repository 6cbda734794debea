//! Errors of keys, signatures and signed models.

use std::path::PathBuf;

/// A sentence about what is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A file or folder cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A symbolic link in a model's folder, whose target could change without the model.
    #[error("{} is a symbolic link, which cannot be signed: put the file itself there", .0.display())]
    SymbolicLink(PathBuf),
    /// A name that a statement cannot hold.
    #[error("the name of {} is not UTF-8, which a signature cannot hold: rename it", .0.display())]
    Name(PathBuf),
    /// More files than are looked at.
    #[error("the folder {} holds more than {limit} files: sign the model's own folder", path.display())]
    TooMany {
        /// The folder.
        path: PathBuf,
        /// The most that are looked at.
        limit: usize,
    },
    /// Not a key that is understood.
    #[error("this is no {0} key in PEM on the curve P-256 or P-384, which is what signs models")]
    Key(&'static str),
    /// The signature file is not of the format, or of a part of it that is not read.
    #[error("the signature file is not one of a model, or of a kind that is not read: {0}")]
    Format(String),
    /// The file says that another key signed it.
    #[error("the signature was made with another key: it names {found}, and the key given is {given}")]
    OtherKey {
        /// SHA-256 of the key in the signature file.
        found: String,
        /// SHA-256 of the key that was given.
        given: String,
    },
    /// The signature does not fit.
    #[error("the signature does not fit what is signed: the signature file was changed, or made with another key")]
    Signature,
    /// The statement contradicts itself.
    #[error("the signed list of files does not have the digest that it states")]
    Inconsistent,
    /// A file is not what was signed.
    #[error("{name} was changed after it was signed: its SHA-256 is {found}, and {signed} was signed")]
    Changed {
        /// Which; a dot is the model itself.
        name: String,
        /// SHA-256 now.
        found: String,
        /// SHA-256 in the statement.
        signed: String,
    },
    /// A file is missing.
    #[error("{0} was signed, but it is not there")]
    Missing(String),
    /// A file is too many.
    #[error("{0} is there, but it was not signed")]
    Unsigned(String),
}
