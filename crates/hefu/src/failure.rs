//! How a command ends when it does not succeed.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Exit status of a command that could not do what it was asked.
const FAILED: u8 = 1;
/// Exit status of a command that was asked wrongly; the same as for an unknown flag.
const USAGE: u8 = 2;

/// Exit status of a program that was interrupted, by the custom of shells: 128 and the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command ended early. Each displays as one sentence for a person, which says what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The command line asks for something that cannot be.
    #[error("{0}")]
    Usage(String),
    /// Anything else that is explained in full.
    #[error("{0}")]
    Other(String),
    /// A file or stream could not be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// Whoever read our standard output has gone: nobody is left to tell.
    #[error("standard output was closed")]
    ClosedPipe,
    /// The store's error.
    #[error(transparent)]
    Store(#[from] hefu_store::StoreError),
}

impl Failure {
    /// An error about a file.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    /// Says what went wrong on standard error and gives the exit status. A closed pipe is no failure: whoever read had
    /// enough.
    pub(crate) fn report(&self) -> ExitCode {
        if matches!(self, Self::ClosedPipe) {
            return ExitCode::SUCCESS;
        }
        crate::progress::line(&format!("hefu: {self}"));
        ExitCode::from(match self {
            Self::Usage(_) => USAGE,
            Self::Store(hefu_store::StoreError::Stopped) => INTERRUPTED,
            _ => FAILED,
        })
    }
}
