//! The one error of this crate: each variant is one sentence that names what is wrong and what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// One source that was tried and the reason why it gave no file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFailure {
    /// The source as it is written in the catalogue or on the command line.
    pub source: String,
    /// Reason why it failed, as part of a sentence.
    pub reason: String,
}

/// Everything that can go wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder of the store, or one named by the user, could not be read or written.
    #[error("cannot {action} {}: {source}{}", path.display(), advice(source))]
    Io {
        /// Action that was tried, a verb.
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
        /// The fault.
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
    /// A path to a file that is not there.
    #[error("there is no file {}; check the path", path.display())]
    NoSuchFile {
        /// The path as given.
        path: PathBuf,
    },
    /// A path to a device or a pipe where a file is needed.
    #[error("{} is a device or a pipe; copy it to a file first", path.display())]
    NotAFile {
        /// The path as given.
        path: PathBuf,
    },
    /// A path to a folder where a file is needed.
    #[error("{} is a folder; name the GGUF file in it{}", path.display(), within(files))]
    Folder {
        /// The path as given.
        path: PathBuf,
        /// Names of GGUF files in it, some of them.
        files: Vec<String>,
    },
    /// The caller does not want it after having seen how it begins.
    #[error("{0}; the download was not begun in earnest, and nothing of it is kept")]
    Refused(String),
    /// A source that cannot be understood.
    #[error("`{spec}` is not a source: {reason}")]
    InvalidSource {
        /// The source as given.
        spec: String,
        /// The fault.
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
        "{} more are needed in {} but only {} are free, of which {} stay free for others; free some space or set HEFU_HOME \
         to another disk", size(needed), path.display(), size(available), size(reserved)
    )]
    NotEnoughSpace {
        /// The folder that was to take the file.
        path: PathBuf,
        /// Bytes still to be written.
        needed: u64,
        /// Bytes free for this user.
        available: u64,
        /// Bytes of them that downloads leave to others.
        reserved: u64,
    },
    /// A stored file is not what it was when it was pulled.
    #[error(
        "{} is damaged: its SHA-256 is {found} instead of {expected}; fetch it again with `hefu pull {model}`, or remove \
         the model with `hefu remove {model}`", path.display()
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
    /// A packed copy is not what it was when it was written.
    #[error("the packed copy {} is not what was written; make it again with `hefu pack {model}`", path.display())]
    PackedDamaged {
        /// The model that it is of.
        model: String,
        /// The copy.
        path: PathBuf,
    },
    /// A file gives other bytes than before, although by all that the system says of it nobody has written to it.
    #[error(
        "{} reads otherwise than before although nobody has written to it: its SHA-256 was {expected} and is {found}; \
         check the disk that it lies on, and take the file from its source again", path.display()
    )]
    ReadsOtherwise {
        /// The file.
        path: PathBuf,
        /// The digest that was noted.
        expected: Digest,
        /// The digest of the bytes that it gives now.
        found: Digest,
    },
    /// A file was changed between being checked and being read to its end.
    #[error("{} was changed while it was in use; start again once it is whole", path.display())]
    InMotion {
        /// The file.
        path: PathBuf,
    },
    /// A manifest cannot be understood.
    #[error("the manifest {} is malformed ({reason}); delete it and pull the model again", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The fault.
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
        /// The model that it stands for.
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

/// Bytes with a binary unit: `48.0 MiB`.
fn size(bytes: &u64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let (mut value, mut unit) = (*bytes as f64, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} {name}") } else { format!("{value:.1} {name}") }
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

fn within(files: &[String]) -> String {
    if files.is_empty() { String::new() } else { format!(", such as {}", files.join(" or ")) }
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
