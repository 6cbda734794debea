//! Errors of logs, one sentence each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Reason why a log cannot be used, or a record not be kept. Many callers may get the same one, so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The disk or the file system refuses more.
    #[error(
        "the audit log {} cannot grow: {reason}; nothing is answered unrecorded, so make room on its disk or move it",
        path.display()
    )]
    Full {
        /// The log.
        path: PathBuf,
        /// In SQLite's words.
        reason: String,
    },
    /// The database failed in another way.
    #[error("the audit log {} failed: {reason}", path.display())]
    Database {
        /// The log.
        path: PathBuf,
        /// In SQLite's words.
        reason: String,
    },
    /// It or its lock cannot be had.
    #[error("the audit log {} cannot be opened: {reason}", path.display())]
    Lock {
        /// The log.
        path: PathBuf,
        /// The reason.
        reason: String,
    },
    /// Another program writes to it.
    #[error("another program is writing to the audit log {}; stop it first, or give each its own log", path.display())]
    InUse {
        /// The log.
        path: PathBuf,
    },
    /// It is no longer where it was.
    #[error(
        "the audit log {} cannot be written to: {reason}; nothing is answered unrecorded, so put the file back, or start \
         again with another", path.display()
    )]
    Moved {
        /// The log.
        path: PathBuf,
        /// Its end.
        reason: String,
    },
    /// There is no such log.
    #[error("there is no audit log {}", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A database, but not of this kind or version.
    #[error("{} is no audit log of this program: {reason}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Evidence.
        reason: String,
    },
    /// The log is not what was written.
    #[error("the audit log {} was changed by something else: {reason}; `hefu audit verify` says more", path.display())]
    Changed {
        /// The log.
        path: PathBuf,
        /// The part that does not fit.
        reason: String,
    },
    /// The file is not whole.
    #[error("the audit log {} is damaged: {reason}; take it from a copy, or move it away and let a new one begin", path.display())]
    Damaged {
        /// The log.
        path: PathBuf,
        /// In SQLite's words.
        reason: String,
    },
    /// Two records cannot have one id.
    #[error("the audit log has a record with the id {id} already")]
    Duplicate {
        /// The id.
        id: String,
    },
    /// No record has this id, or nothing is left of what it says.
    #[error("the audit log {} has no record {id} that says anything", path.display())]
    Unknown {
        /// The log.
        path: PathBuf,
        /// The id.
        id: String,
    },
    /// A record that no log may hold.
    #[error("the record cannot be kept: {0}")]
    Record(String),
    /// No random numbers, or no key.
    #[error(transparent)]
    Identity(Arc<crate::identity::IdentityError>),
    /// The thread that writes is gone.
    #[error("the audit log {} is closed", path.display())]
    Closed {
        /// The log.
        path: PathBuf,
    },
}

impl Error {
    /// Error of SQLite for the log at `path`.
    pub(super) fn sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        use rusqlite::ErrorCode;
        let (path, reason) = (path.to_owned(), error.to_string());
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => Self::Full { path, reason },
            Some(ErrorCode::NotADatabase) => Self::Foreign { path, reason },
            Some(ErrorCode::DatabaseCorrupt) => Self::Damaged { path, reason },
            _ => Self::Database { path, reason },
        }
    }
}
