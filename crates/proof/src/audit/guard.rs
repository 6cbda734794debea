//! The log's file itself: who may write to it, and whether it still is where it was.
//!
//! A log that is removed, renamed, replaced or given a second name under a running program would be written on unseen, and
//! every answer would seem to be recorded. So its file is looked at before and after each commit.

use super::error::Error;
use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

/// The permissions of a new log: prompts and answers are nobody else's business.
#[cfg(unix)]
const OWNER_ALONE: u32 = 0o600;

/// File that a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    device: u64,
    number: u64,
}

/// Holds the lock of a log and knows its file. The lock is on the file itself and not on its name.
#[derive(Debug)]
pub(super) struct Guard {
    /// As the operator names it.
    named: PathBuf,
    /// Without symbolic links.
    path: PathBuf,
    lock: File,
    place: Option<Place>,
    /// The file beside it, with what is not in it yet, once that is known.
    beside: Option<Place>,
}

impl Guard {
    /// Takes the lock of a log; makes an empty file, readable by its owner alone, if there is none.
    pub(super) fn take(named: &Path) -> Result<Self, Error> {
        let failed = |error: std::io::Error| Error::Lock { path: named.to_owned(), reason: error.to_string() };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ALONE);
        let file = options.open(lock_path(named)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse { path: named.to_owned() }),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let path = fs::canonicalize(named).unwrap_or_else(|_| named.to_owned());
        let place = if cfg!(unix) { file.metadata().ok().as_ref().and_then(place) } else { None };
        let guard = Self { named: named.to_owned(), path, lock: file, place, beside: None };
        guard.check()?;
        Ok(guard)
    }

    /// The log's path without symbolic links.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Notes which file SQLite keeps beside the log; from now on it must stay that one.
    pub(super) fn note_beside(&mut self) {
        self.beside = fs::symlink_metadata(beside(&self.path)).ok().as_ref().and_then(place);
    }

    /// Forgets it: the database is closed.
    pub(super) fn forget_beside(&mut self) {
        self.beside = None;
    }

    /// Checks that the file is where it was, under this name alone.
    ///
    /// # Errors
    /// The reason why it is not.
    pub(super) fn check(&self) -> Result<(), Error> {
        let gone = |reason: &str| Error::Moved { path: self.named.clone(), reason: reason.to_owned() };
        let Some(own) = self.place else { return Ok(()) };
        let metadata = fs::symlink_metadata(&self.path).map_err(|_| gone("it was removed or renamed"))?;
        if metadata.is_symlink() {
            return Err(gone("a symbolic link lies in its place"));
        }
        if place(&metadata) != Some(own) {
            return Err(gone("another file lies in its place"));
        }
        if links(&metadata) != 1 {
            return Err(gone("it has a second name (a hard link), by which another program could write to it"));
        }
        if fs::metadata(&self.named).ok().as_ref().and_then(place) != Some(own) {
            return Err(gone("the name no longer leads to it"));
        }
        match self.beside {
            Some(own) if fs::symlink_metadata(beside(&self.path)).ok().as_ref().and_then(place) != Some(own) => {
                Err(gone("the file with -wal after its name, which belongs to it, was removed or replaced"))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // By name: a program that is being started at this moment would hold on to a file that is only closed.
        let _ = self.lock.unlock();
    }
}

/// Where SQLite keeps what was committed and is not in the file yet.
fn beside(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push("-wal");
    PathBuf::from(beside)
}

/// The file that is locked: the log, where locks do not keep SQLite from reading it.
fn lock_path(path: &Path) -> PathBuf {
    if cfg!(unix) {
        return path.to_owned();
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    PathBuf::from(beside)
}

#[cfg(unix)]
fn place(metadata: &Metadata) -> Option<Place> {
    use std::os::unix::fs::MetadataExt;
    Some(Place { device: metadata.dev(), number: metadata.ino() })
}

#[cfg(not(unix))]
fn place(_: &Metadata) -> Option<Place> {
    None
}

#[cfg(unix)]
fn links(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

#[cfg(not(unix))]
fn links(_: &Metadata) -> u64 {
    1
}
