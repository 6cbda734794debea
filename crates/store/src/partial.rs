//! A file under way: bytes are appended and hashed, what an earlier attempt left is used again, and only a complete
//! file with the right digest becomes a blob.
//!
//! How much of an earlier attempt is trusted: if the digest of the whole is known, all of it, since a wrong byte shows
//! at the end. If not, only what was flushed to the disk and recorded, since a loss of power may leave zeros.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::catalogue::MAX_FILE_BYTES;
use crate::digest::{Digest, Hasher};
use crate::error::StoreError;
use crate::layout::{self, Layout};
use crate::progress::{Meter, Phase};

/// Bytes between two flushes to the disk.
const FLUSH_EVERY: u64 = 64 << 20;

/// What is known beforehand of the file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<Digest>,
}

/// What is kept beside the bytes, so that another process can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The source that wrote last.
    source: String,
    /// That source's strong entity tag, if it is a server that gave one.
    validator: Option<String>,
    /// The length after each whole part, if that source gives the file in parts.
    parts: Vec<u64>,
    /// Bytes known to be on the disk.
    flushed: u64,
}

/// A file under way. Whoever has it holds the lock of its key.
pub(crate) struct Partial {
    path: PathBuf,
    state_path: PathBuf,
    file: File,
    state: State,
    hasher: Hasher,
    length: u64,
    expected: Expected,
}

impl Partial {
    /// Opens or creates the partial file of a key, hashing what is there.
    pub(crate) fn open(
        layout: &Layout,
        key: &str,
        expected: Expected,
        meter: &mut Meter<'_>,
    ) -> Result<Self, StoreError> {
        let path = layout.partial().join(format!("{key}.part"));
        let state_path = layout.partial().join(format!("{key}.json"));
        let file = OpenOptions::new()
            .create(true)
            .read(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|error| StoreError::io("open", &path, error))?;
        // A state that cannot be read costs the bytes kept, never correctness.
        let state: State = layout::read_small(&state_path)
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .unwrap_or_default();
        let there = file.metadata().map_err(|error| StoreError::io("read", &path, error))?.len();
        let trusted = match expected.sha256 {
            Some(_) => there,
            None => there.min(state.flushed),
        };
        let too_long = expected.size.is_some_and(|size| trusted > size);
        let keep = if too_long { 0 } else { trusted };
        let mut partial = Self { path, state_path, file, state, hasher: Hasher::new(), length: 0, expected };
        partial.cut_to(keep, meter)?;
        Ok(partial)
    }

    /// Bytes that are there.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    pub(crate) fn expected(&self) -> Expected {
        self.expected
    }

    /// Whether every byte of a file of known size is there.
    pub(crate) fn is_complete(&self) -> bool {
        self.expected.size == Some(self.length)
    }

    /// The folder of partial files, for a source that needs room of its own.
    pub(crate) fn folder_for(&self, what: &str) -> PathBuf {
        self.path.with_extension(what)
    }

    /// Notes which source writes from now on, forgetting what only the one before could use.
    pub(crate) fn begin_source(&mut self, source: &str) {
        if self.state.source != source {
            self.state = State { source: source.to_owned(), flushed: self.state.flushed, ..State::default() };
        }
    }

    /// The entity tag under which this source gave the bytes that are there.
    pub(crate) fn validator(&self) -> Option<&str> {
        self.state.validator.as_deref()
    }

    pub(crate) fn set_validator(&mut self, validator: Option<String>) -> Result<(), StoreError> {
        self.state.validator = validator;
        self.save_state()
    }

    /// How many whole parts this source gave; what follows the last one is cut off.
    pub(crate) fn keep_whole_parts(&mut self, meter: &mut Meter<'_>) -> Result<usize, StoreError> {
        let length = self.length;
        self.state.parts.retain(|end| *end <= length);
        if !self.state.parts.is_sorted() {
            self.state.parts.clear();
        }
        let end = self.state.parts.last().copied().unwrap_or(0);
        if end != length {
            self.cut_to(end, meter)?;
        }
        Ok(self.state.parts.len())
    }

    /// Notes that the bytes up to here are a whole number of parts.
    pub(crate) fn end_part(&mut self) -> Result<(), StoreError> {
        self.state.parts.push(self.length);
        self.flush()
    }

    /// Fails if the disk has no room for a file of `size` bytes.
    pub(crate) fn ensure_space(&self, size: u64) -> Result<(), StoreError> {
        let folder = self.path.parent().unwrap_or(&self.path);
        let needed = size.saturating_sub(self.length);
        // A file system that cannot tell is left to fail when it is full.
        match fs4::available_space(folder) {
            Ok(available) if available < needed => {
                Err(StoreError::NotEnoughSpace { path: folder.to_path_buf(), needed, available })
            }
            _ => Ok(()),
        }
    }

    /// How many more bytes may come.
    pub(crate) fn room(&self) -> u64 {
        let limit = self.expected.size.unwrap_or(MAX_FILE_BYTES);
        limit.saturating_sub(self.length)
    }

    /// Adds bytes at the end; the caller has seen to [`Partial::room`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|error| StoreError::io("write", &self.path, error))?;
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        if self.length - self.state.flushed.min(self.length) >= FLUSH_EVERY {
            self.flush()?;
        }
        Ok(())
    }

    /// Puts everything on the disk and records how much that is.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|error| StoreError::io("write", &self.path, error))?;
        self.state.flushed = self.length;
        self.save_state()
    }

    /// Drops every byte.
    pub(crate) fn restart(&mut self) -> Result<(), StoreError> {
        self.set_length(0)?;
        self.hasher = Hasher::new();
        self.length = 0;
        self.state.validator = None;
        self.state.parts.clear();
        self.state.flushed = 0;
        self.save_state()
    }

    /// The digest of the bytes that are there.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.digest()
    }

    /// The first bytes of the file, at most `N`.
    pub(crate) fn first<const N: usize>(&self) -> Vec<u8> {
        use std::io::Read;
        let mut bytes = Vec::new();
        let opened = File::open(&self.path);
        let read = opened.and_then(|file| file.take(N as u64).read_to_end(&mut bytes));
        read.map(|_| bytes).unwrap_or_default()
    }

    /// Makes the file a blob of the store under its digest. The caller has compared the digest.
    pub(crate) fn publish(self, layout: &Layout) -> Result<Digest, StoreError> {
        let digest = self.hasher.digest();
        let blob = layout.blob(&digest);
        self.file.sync_all().map_err(|error| StoreError::io("write", &self.path, error))?;
        // Closed before the rename, which some systems refuse for an open file.
        drop(self.file);
        fs::rename(&self.path, &blob).map_err(|error| StoreError::io("write", &blob, error))?;
        layout::sync_folder_of(&blob);
        layout::remove_if_there(&self.state_path)?;
        Ok(digest)
    }

    /// Leaves nothing behind if no byte was kept.
    pub(crate) fn discard_if_empty(self) -> Result<(), StoreError> {
        if self.length > 0 {
            return Ok(());
        }
        drop(self.file);
        layout::remove_if_there(&self.path)?;
        layout::remove_if_there(&self.state_path)
    }

    /// Keeps the first `length` bytes and hashes them.
    fn cut_to(&mut self, length: u64, meter: &mut Meter<'_>) -> Result<(), StoreError> {
        self.set_length(length)?;
        self.state.flushed = self.state.flushed.min(length);
        self.hasher = Hasher::new();
        self.length = length;
        if length == 0 {
            return Ok(());
        }
        let path = self.path.clone();
        let read_error = |error| StoreError::io("read", &path, error);
        self.file.rewind().map_err(read_error)?;
        let reader = self.file.try_clone().map_err(read_error)?;
        let mut stopped = None;
        let hashed = self.hasher.update_from(reader, |done| {
            meter.advance(Phase::Rehashing, done).map_err(|error| {
                stopped = Some(error);
                std::io::Error::other("stopped")
            })
        });
        if let Some(stopped) = stopped {
            return Err(stopped);
        }
        hashed.map_err(read_error)?;
        self.file.seek(SeekFrom::Start(length)).map(|_| ()).map_err(read_error)
    }

    fn set_length(&mut self, length: u64) -> Result<(), StoreError> {
        self.file
            .set_len(length)
            .and_then(|()| self.file.seek(SeekFrom::Start(length)))
            .map(|_| ())
            .map_err(|error| StoreError::io("write", &self.path, error))
    }

    fn save_state(&self) -> Result<(), StoreError> {
        let bytes =
            serde_json::to_vec(&self.state).map_err(|error| StoreError::io("write", &self.state_path, error.into()))?;
        layout::write_whole(&self.state_path, &bytes)
    }
}
