//! The audit log of a server: written before answers leave, and read for receipts.

use crate::failure::Failure;
use hefu_proof::Identity;
use hefu_proof::audit::{self, AuditLog, Options, Reader};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// A log that could not be written to is tried again at most so often.
const RETRY: Duration = Duration::from_secs(1);

/// The audit log, written and read.
pub(super) struct Log {
    path: PathBuf,
    /// `None` once it is closed.
    writer: RwLock<Option<AuditLog>>,
    /// Opened when the first receipt is looked for.
    reader: Mutex<Option<Reader>>,
    /// Reason why nothing can be recorded, and when that was found out last.
    stopped: Mutex<Option<(String, Instant)>>,
}

impl Log {
    pub(super) fn open(path: PathBuf, options: Options, identity: Identity) -> Result<Self, Failure> {
        let writer = AuditLog::open(&path, identity, options)?;
        Ok(Self { path, writer: RwLock::new(Some(writer)), reader: Mutex::new(None), stopped: Mutex::new(None) })
    }

    /// Leaves a last checkpoint; nothing can be written any more.
    ///
    /// # Errors
    /// If the checkpoint cannot be written.
    pub(super) fn close(&self) -> Result<(), Failure> {
        let writer = self.writer.write().unwrap_or_else(PoisonError::into_inner).take();
        // The reader first: a log that nobody reads is left in one file.
        lock(&self.reader).take();
        writer.map_or(Ok(()), |writer| writer.close().map_err(Failure::from))
    }

    pub(super) fn append(&self, records: Vec<audit::Record>) -> Result<(), String> {
        self.write(|writer| writer.append_all(records).map(drop))
    }

    /// Has something written. If that fails, nothing is answered until the log can be written to again.
    pub(super) fn write(&self, write: impl FnOnce(&AuditLog) -> Result<(), audit::Error>) -> Result<(), String> {
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.as_ref() else { return Err("the server is stopping".to_owned()) };
        let Err(error) = write(writer) else { return Ok(()) };
        let sentence = error.to_string();
        // A fault of one record keeps no other from being recorded.
        if !matches!(error, audit::Error::Record(_) | audit::Error::Duplicate { .. } | audit::Error::Unknown { .. }) {
            self.stop(&sentence);
        }
        Err(sentence)
    }

    /// Nothing is answered from now on, until the log can be written to again.
    fn stop(&self, sentence: &str) {
        let before = lock(&self.stopped).replace((sentence.to_owned(), Instant::now()));
        if before.is_none() {
            tracing::error!("nothing is answered any more: {sentence}");
        }
    }

    pub(super) fn ready(&self) -> Result<(), String> {
        let is_stopped = match lock(&self.stopped).as_mut() {
            None => false,
            Some((sentence, tried)) if tried.elapsed() < RETRY => return Err(sentence.clone()),
            // Others are told what is known already while this one tries.
            Some((_, tried)) => {
                *tried = Instant::now();
                true
            }
        };
        let writer = self.writer.read().unwrap_or_else(PoisonError::into_inner);
        let Some(writer) = writer.as_ref() else { return Err("the server is stopping".to_owned()) };
        if !is_stopped {
            // A log that was removed or moved meanwhile is noticed before anything is computed.
            return writer.is_in_place().map_err(|error| {
                let sentence = error.to_string();
                self.stop(&sentence);
                sentence
            });
        }
        match writer.probe() {
            Ok(()) => {
                lock(&self.stopped).take();
                tracing::info!("the audit log {} can be written to again: requests are answered", self.path.display());
                Ok(())
            }
            Err(error) => {
                let sentence = error.to_string();
                self.stop(&sentence);
                Err(sentence)
            }
        }
    }

    /// The log's file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn find(&self, id: &str) -> Result<Option<audit::Entry>, audit::Error> {
        find(&mut lock(&self.reader), &self.path, id)
    }
}

fn find(reader: &mut Option<Reader>, path: &Path, id: &str) -> Result<Option<audit::Entry>, audit::Error> {
    let open = match reader.take() {
        Some(open) => open,
        None => Reader::open(path)?,
    };
    reader.insert(open).find(id)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
