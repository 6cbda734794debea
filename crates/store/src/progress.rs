//! Progress reports of the store, and cancellation.

use std::ops::ControlFlow;
use std::path::Path;

use crate::error::{SourceFailure, StoreError};

/// Phase of the work on the counted bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Another process is fetching the same file; the counts are zero.
    Waiting,
    /// Bytes that an earlier attempt left are hashed again.
    Rehashing,
    /// Bytes arrive from a server, a package index or a path.
    Downloading,
    /// Stored files are hashed again.
    Verifying,
    /// A packed copy is written.
    Packing,
}

/// A turn of events that a person may want to read about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notice {
    /// Another process or thread holds this file's download; it is waited for.
    WaitingForOther {
        /// The file that is waited for.
        file: String,
    },
    /// A file was chosen among those of a repository.
    Chosen {
        /// Its name.
        file: String,
        /// Its bytes, where the hub says them.
        size: Option<u64>,
        /// Reason for this one.
        reason: Reason,
    },
    /// A source is about to be tried.
    TryingSource {
        /// The source as written.
        source: String,
        /// Bytes that an earlier attempt left and that are used again.
        kept: u64,
    },
    /// A transfer was cut and is continued after a pause.
    Retrying {
        /// The source and what happened to it.
        failure: SourceFailure,
    },
    /// A source failed; the next one, if any, is tried.
    SourceFailed {
        /// The source and what happened to it.
        failure: SourceFailure,
    },
}

/// Reason why a file of a repository is the one that is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its format was named.
    Named,
    /// There is no other model.
    Only,
    /// Its format is usual, and memory bears it.
    Usual,
    /// It is the largest that memory bears; those of usual formats are larger.
    Largest,
}

/// The caller's answer: go on or stop. A download that is stopped can be resumed.
pub type Flow = ControlFlow<()>;

/// Receives the progress of a pull or a verification.
pub trait Progress {
    /// `done` of `total` bytes of the whole model are through `phase`; `total` is `None` while it is not known.
    /// Called often (every few hundred kilobytes, or ten times a second while waiting).
    fn advance(&mut self, phase: Phase, done: u64, total: Option<u64>) -> Flow;

    /// The first bytes of a model that is one file are here, at the start of a file at `head`, and `total` bytes are to come:
    /// the last moment to spare the caller a download that is of no use.
    ///
    /// # Errors
    /// Reason why it should not be fetched, as a sentence.
    fn begins(&mut self, head: &Path, total: u64) -> Result<(), String> {
        let _ = (head, total);
        Ok(())
    }

    /// Something worth a line of text happened.
    fn notice(&mut self, notice: &Notice) {
        let _ = notice;
    }
}

/// Silence: nothing is reported and nothing is stopped.
impl Progress for () {
    fn advance(&mut self, _: Phase, _: u64, _: Option<u64>) -> Flow {
        Flow::Continue(())
    }
}

/// Counts the bytes of one file within a model of several.
pub(crate) struct Meter<'a> {
    progress: &'a mut dyn Progress,
    /// Bytes of the files before this one.
    pub(crate) base: u64,
    /// Bytes of the whole model, if known.
    pub(crate) total: Option<u64>,
    /// True if the caller is to see how the file begins.
    pub(crate) inspects: bool,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(progress: &'a mut dyn Progress, total: Option<u64>) -> Self {
        Self { progress, base: 0, total, inspects: false }
    }

    /// Reports bytes of the present file. Fails with [`StoreError::Stopped`] when the caller wants to stop.
    pub(crate) fn advance(&mut self, phase: Phase, done: u64) -> Result<(), StoreError> {
        self.advance_of(phase, done, None)
    }

    /// Like [`Meter::advance`], with a size for the file that only its source knows.
    pub(crate) fn advance_of(&mut self, phase: Phase, done: u64, file_total: Option<u64>) -> Result<(), StoreError> {
        let done = self.base.saturating_add(done);
        let total = self.total.or_else(|| file_total.map(|size| self.base.saturating_add(size)));
        match self.progress.advance(phase, done, total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(StoreError::Stopped),
        }
    }

    /// Shows the caller how a file begins.
    pub(crate) fn begins(&mut self, head: &Path, total: u64) -> Result<(), StoreError> {
        self.inspects = false;
        self.progress.begins(head, total).map_err(StoreError::Refused)
    }

    pub(crate) fn notice(&mut self, notice: Notice) {
        self.progress.notice(&notice);
    }
}
