//! The one error of this crate: each variant is one sentence that names what is wrong and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// One source that was tried and the reason why it gave no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFailure {
    /// The source as it is written in the catalogue or on the command line.
    pub source: String,
    /// Why it failed, as part of a sentence.
    pub reason: String,
}

/// Everything that can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of the store, or one named by the user, could not be read or written.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// What was tried, a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// No folder is known for the store.
    #[error("no cache folder is known for this user; set HEFU_HOME to a folder for models")]
    NoCacheFolder,
    /// The catalogue is not as it should be.
    #[error("the catalogue of models is malformed: {0}")]
    Catalogue(String),
    /// A name that cannot be the name of a model.
    #[error("`{name}` cannot be the name of a model: {reason}")]
    InvalidName {
        /// The name as given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A name that neither the store nor the catalogue has, and no file either.
    #[error("no model, file or source is called `{name}`{}", suggest(nearest))]
    UnknownModel {
        /// The name as given.
        name: String,
        /// Known names that are spelled alike, nearest first.
        nearest: Vec<String>,
    },
    /// A model of the catalogue that is not in the store yet.
    #[error("the model `{0}` is not in the store; fetch it with `hefu pull {0}`")]
    NotPulled(String),
    /// A source that cannot be understood.
    #[error("`{spec}` is not a source: {reason}")]
    InvalidSource {
        /// The source as given.
        spec: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Every source of a file failed.
    #[error("no source gave {file}:{}", list(failures))]
    AllSourcesFailed {
        /// The file that was wanted.
        file: String,
        /// Each source with its reason, in the order tried.
        failures: Vec<SourceFailure>,
    },
    /// The disk has too little room for a file whose size is known.
    #[error(
        "{needed} more bytes are needed in {} but only {available} are free; free some space or set HEFU_HOME to \
         another disk", path.display()
    )]
    NotEnoughSpace {
        /// The folder that was to take the file.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free for this user.
        available: u64,
    },
    /// A stored file is not what it was when it was pulled.
    #[error(
        "{} is damaged: its SHA-256 is {found} instead of {expected}; remove the model with `hefu remove {model}` and \
         pull it again", path.display()
    )]
    Damaged {
        /// The model that the file belongs to.
        model: String,
        /// The file.
        path: PathBuf,
        /// The digest recorded when it was pulled.
        expected: Digest,
        /// The digest of the bytes that are there now.
        found: Digest,
    },
    /// A manifest cannot be understood.
    #[error("the manifest {} is malformed ({reason}); delete it and pull the model again", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that a manifest names is not there.
    #[error("{} of the model `{model}` is missing; pull the model again with `hefu pull {model}`", path.display())]
    MissingFile {
        /// The model that the file belongs to.
        model: String,
        /// The file.
        path: PathBuf,
    },
    /// One file of a split model is not beside the others.
    #[error("{} is missing: a model split into files needs all of them in one folder", path.display())]
    MissingShard {
        /// The file that should be there.
        path: PathBuf,
    },
    /// The name is already used for other bytes.
    #[error("the name `{name}` already belongs to {owner}; give another name for this model")]
    NameTaken {
        /// The name.
        name: String,
        /// What it stands for.
        owner: String,
    },
    /// One digest was given for several files.
    #[error("one SHA-256 was given, but {0} is split into several files; pull it without a digest")]
    DigestForShards(String),
    /// Another process is fetching what was to be removed.
    #[error("another process is fetching `{0}` at this moment; wait for it or end it first")]
    Busy(String),
    /// The caller's progress report asked to stop.
    #[error("the download was stopped; start it again to go on where it ended")]
    Stopped,
}

impl StoreError {
    /// Wraps a system error with what was done to which path.
    pub(crate) fn io(action: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        let path = path.as_ref().to_path_buf();
        Self::Io { action, path, source }
    }
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space or set HEFU_HOME to another disk"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; change its permissions or set HEFU_HOME to a folder that you may write"
        }
        _ => "",
    }
}

fn suggest(nearest: &[String]) -> String {
    if nearest.is_empty() {
        return "; `hefu models` lists those that are known".to_owned();
    }
    let names: Vec<String> = nearest.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", names.join(" or "))
}

fn list(failures: &[SourceFailure]) -> String {
    if failures.is_empty() {
        return " none is known".to_owned();
    }
    failures.iter().map(|failure| format!("\n  {}: {}", failure.source, failure.reason)).collect()
}
