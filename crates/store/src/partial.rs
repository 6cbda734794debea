//! A file under way: bytes are appended and hashed, what an earlier attempt left is used again, and only a complete
//! file with the right digest becomes a blob.
//!
//! Trust in an earlier attempt: if the digest of the whole is known, all of it, since a wrong byte shows
//! at the end. If not, only what was flushed to the disk and recorded, since a loss of power may leave zeros.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::error::StoreError;
use crate::layout::{self, Layout};
use crate::limits::MAX_FILE_BYTES;
use crate::progress::{Meter, Phase};
use crate::stamp::{Notes, Stamp, TICK};

/// Bytes between two flushes to the disk.
const FLUSH_EVERY: u64 = 64 << 20;
/// Bytes between two looks at how much room the disk still has.
const LOOK_EVERY: u64 = 1 << 20;
/// A download leaves one part in so many of the disk to others,
const RESERVED_PART: u64 = 50;
/// but no more bytes than this.
const MOST_RESERVED: u64 = 1 << 30;
/// Magic bytes of GGUF. Servers answer with pages of HTML where a file was asked for.
const GGUF_MAGIC: &[u8; 4] = b"GGUF";

/// Facts known beforehand of the file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Expected {
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<Digest>,
}

/// Notes beside the bytes, so that another process can go on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// The model that it is for.
    model: String,
    /// The source that wrote last.
    source: String,
    /// That source's strong entity tag, if it is a server that gave one.
    validator: Option<String>,
    /// The length of the whole file, if that source told.
    total: Option<u64>,
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
    /// Opens or creates the partial file of a key for a model, hashing what is there.
    pub(crate) fn open(
        layout: &Layout,
        key: &str,
        model: &str,
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
        let mut state = read_state(&state_path);
        model.clone_into(&mut state.model);
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

    /// Length of the whole file, if that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.expected.size.or(self.state.total)
    }

    /// Path of its bytes.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// True if every byte of a file of known size is there.
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
            let (model, flushed) = (std::mem::take(&mut self.state.model), self.state.flushed);
            self.state = State { model, source: source.to_owned(), flushed, ..State::default() };
        }
    }

    /// The entity tag under which this source gave the bytes that are there.
    pub(crate) fn validator(&self) -> Option<&str> {
        self.state.validator.as_deref()
    }

    /// Notes what the source says of the file that it gives.
    pub(crate) fn set_origin(&mut self, validator: Option<String>, total: Option<u64>) -> Result<(), StoreError> {
        self.state.validator = validator;
        self.state.total = total;
        self.save_state()
    }

    /// True if bytes of a file with this tag and length may follow those that are there: parts are joined only of one and
    /// the same file (RFC 9110, section 15.3.7.3).
    pub(crate) fn is_continued_by(&self, validator: Option<&str>, total: Option<u64>) -> bool {
        let same_tag = self.state.validator.is_none() || self.state.validator.as_deref() == validator;
        let same_length = self.state.total.zip(total).is_none_or(|(own, other)| own == other);
        same_tag && same_length
    }

    /// Number of whole parts that this source gave; what follows the last one is cut off.
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
        self.ensure_room(size.saturating_sub(self.length))
    }

    fn ensure_room(&self, needed: u64) -> Result<(), StoreError> {
        ensure_room(self.path.parent().unwrap_or(&self.path), needed)
    }

    /// Number of further bytes that may come.
    pub(crate) fn room(&self) -> u64 {
        let limit = self.expected.size.unwrap_or(MAX_FILE_BYTES);
        limit.saturating_sub(self.length)
    }

    /// Adds bytes at the end; the caller has seen to [`Partial::room`].
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        let length = self.length.saturating_add(bytes.len() as u64);
        if self.length / LOOK_EVERY != length / LOOK_EVERY {
            self.ensure_room(bytes.len() as u64)?;
        }
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
        self.state.total = None;
        self.state.parts.clear();
        self.state.flushed = 0;
        self.save_state()
    }

    /// The digest of the bytes that are there.
    pub(crate) fn digest(&self) -> Digest {
        self.hasher.digest()
    }

    /// True if the file begins as a model does, as far as it has come.
    pub(crate) fn may_be_model(&self) -> bool {
        use std::io::Read;
        let mut bytes = Vec::new();
        let opened = File::open(&self.path);
        let read = opened.and_then(|file| file.take(GGUF_MAGIC.len() as u64).read_to_end(&mut bytes));
        read.is_ok() && GGUF_MAGIC.starts_with(&bytes)
    }

    /// Makes the file a blob of the store under its digest, and notes the digest with its stamp. The caller has compared
    /// the digest.
    pub(crate) fn publish(self, layout: &Layout) -> Result<Digest, StoreError> {
        let digest = self.hasher.digest();
        let blob = layout.blob(&digest);
        self.file.sync_all().map_err(|error| StoreError::io("write", &self.path, error))?;
        let written = self.file.metadata().and_then(|metadata| metadata.modified());
        // Whoever writes to the file from here on gives it a later time than that.
        std::thread::sleep(TICK);
        // Closed before the rename, which some systems refuse for an open file.
        drop(self.file);
        fs::rename(&self.path, &blob).map_err(|error| StoreError::io("write", &blob, error))?;
        layout::sync_folder_of(&blob);
        let moved = fs::metadata(&blob);
        if let (Ok(written), Ok(metadata)) = (written, moved)
            && metadata.len() == self.length
            && metadata.modified().is_ok_and(|modified| modified == written)
        {
            Notes::within(layout.digests()).note(&blob, Stamp::from(&metadata), digest);
        }
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

fn read_state(path: &Path) -> State {
    let bytes = layout::read_small(path).ok();
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The keys of the unfinished downloads for a model.
pub(crate) fn keys_of(layout: &Layout, model: &str) -> Vec<String> {
    let entries = fs::read_dir(layout.partial()).into_iter().flatten().flatten();
    let states = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let of_model = states.filter(|path| read_state(path).model == model);
    of_model.filter_map(|path| path.file_stem()?.to_str().map(str::to_owned)).collect()
}
/// Fails if so many bytes more in a folder would take what is left to others.
pub(crate) fn ensure_room(folder: &Path, needed: u64) -> Result<(), StoreError> {
    let reserved = fs4::total_space(folder).map_or(0, |total| (total / RESERVED_PART).min(MOST_RESERVED));
    // A file system that cannot tell is left to fail when it is full.
    match fs4::available_space(folder) {
        Ok(available) if available < needed.saturating_add(reserved) => {
            Err(StoreError::NotEnoughSpace { path: folder.to_path_buf(), needed, available, reserved })
        }
        _ => Ok(()),
    }
}
