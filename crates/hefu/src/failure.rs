//! Failures of commands.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Exit status of a command that did.
const SUCCEEDED: u8 = 0;
/// Exit status of a command that could not do what it was asked.
const FAILED: u8 = 1;
/// Exit status of a command that was asked wrongly; the same as for an unknown flag.
const USAGE: u8 = 2;

/// Exit status of a program that was interrupted, by the custom of shells: 128 and the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// Reason why a command ended early. Each displays as one sentence for a person, which says what to do.
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
    /// A person stopped it.
    #[error("stopped")]
    Interrupted,
    /// The store's error.
    #[error(transparent)]
    Store(#[from] hefu_store::StoreError),
}

/// Says what is wrong with a command line, or prints the help that it asks for, and gives the exit status.
pub(crate) fn usage(wrong: &clap::Error) -> u8 {
    let theirs = wrong.render().to_string();
    let ours = crate::words::said_by_line(&theirs);
    if !wrong.use_stderr() || ours == theirs {
        // In colour, where that can be shown. That it cannot be printed is nothing that could be said.
        let _ = wrong.print();
    } else {
        let _ = io::stderr().write_all(ours.as_bytes());
    }
    u8::try_from(wrong.exit_code()).unwrap_or(USAGE)
}

impl Failure {
    /// An error about a file.
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    /// Says what went wrong on standard error and gives the exit status. A closed pipe is no failure: whoever read had
    /// enough.
    pub(crate) fn report(&self) -> u8 {
        if matches!(self, Self::ClosedPipe) {
            return SUCCEEDED;
        }
        crate::progress::line(&format!("hefu: {}", crate::words::said(&self.to_string())));
        match self {
            Self::Usage(_) => USAGE,
            Self::Interrupted | Self::Store(hefu_store::StoreError::Stopped) => INTERRUPTED,
            _ => FAILED,
        }
    }
}
