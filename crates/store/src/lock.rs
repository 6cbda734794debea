//! Advisory locks between processes (and threads): the second one waits, and can give up.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::thread;
use std::time::Duration;

use crate::error::StoreError;

/// Interval of trying a lock that another holds.
const POLL: Duration = Duration::from_millis(50);

/// A lock held until this is dropped; the system also lets it go when the process ends in any way.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock, calling `waiting` about twenty times a second while another holds it.
    pub(crate) fn wait(path: &Path, mut waiting: impl FnMut() -> Result<(), StoreError>) -> Result<Self, StoreError> {
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            waiting()?;
            thread::sleep(POLL);
        }
    }

    /// Takes the lock if nobody holds it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, StoreError> {
        // The file is never removed: a process that waits on a removed file would lock what no other can see.
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(|error| StoreError::io("open", path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path, error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_at_a_time_and_freed_on_drop() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = Lock::try_take(&path).unwrap();
        assert!(first.is_some());
        assert!(Lock::try_take(&path).unwrap().is_none());
        let mut waited = false;
        let stopped = Lock::wait(&path, || {
            waited = true;
            Err(StoreError::Stopped)
        });
        assert!(waited && matches!(stopped, Err(StoreError::Stopped)));
        drop(first);
        assert!(Lock::try_take(&path).unwrap().is_some());
    }
}
