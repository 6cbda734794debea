//! By what a change of a file is noticed without reading it, and digests that are kept as long as nothing changes.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::error::StoreError;
use crate::layout;
use crate::progress::{Meter, Phase};

/// A file that was changed so shortly before could be changed once more without its time showing it.
const SETTLED: Duration = Duration::from_secs(2);
/// The coarsest clock that file systems take their times from ticks more often than this.
pub(crate) const TICK: Duration = Duration::from_millis(20);

/// Everything that the system says of a file's content without reading it: its length, its number on the disk, and when
/// its content and its record were last changed, in nanoseconds. Writing to a file changes the last of these, also where
/// its time is set back by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    size: u64,
    state: String,
}

/// Check of a file against its known digest before it is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Check {
    /// It is read again each time.
    Always,
    /// It is read again if its [`Stamp`] is not the one that was noted with the digest.
    #[default]
    Changed,
    /// It is believed.
    Never,
}

/// Note about a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    path: String,
    #[serde(flatten)]
    stamp: Stamp,
    sha256: Digest,
}

impl Stamp {
    /// Of a file as it is now.
    ///
    /// # Errors
    /// If the system says nothing of it.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// The file's length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

impl From<&Metadata> for Stamp {
    fn from(metadata: &Metadata) -> Self {
        Self { size: metadata.len(), state: state(metadata) }
    }
}

#[cfg(unix)]
fn state(metadata: &Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!(
        "{}:{} {}.{:09} {}.{:09}",
        metadata.dev(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )
}

#[cfg(not(unix))]
fn state(metadata: &Metadata) -> String {
    format!("{:?} {:?}", metadata.modified().ok(), metadata.created().ok())
}

/// Digests of files, noted in a folder so that a large file is read once and not for every answer.
#[derive(Debug, Clone)]
pub struct Notes {
    folder: Option<PathBuf>,
}

impl Notes {
    /// Notes in this folder, which need not exist.
    pub(crate) fn within(folder: PathBuf) -> Self {
        Self { folder: Some(folder) }
    }

    /// No notes: every digest is taken anew.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// The digest of a file: as noted, or else taken now, which takes about a second per gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be read.
    pub fn digest(&self, path: &Path) -> Result<Digest, StoreError> {
        self.digest_checked(path, Check::Changed, &mut Meter::new(&mut (), None))
    }

    /// The digest of a file, read as often as `check` says. A file that reads otherwise although nothing has changed it
    /// is an error.
    pub(crate) fn digest_checked(
        &self,
        path: &Path,
        check: Check,
        meter: &mut Meter<'_>,
    ) -> Result<Digest, StoreError> {
        let failed = |error| StoreError::io("read", path, error);
        let whole = fs::canonicalize(path).map_err(failed)?;
        let before = fs::metadata(&whole).map_err(failed)?;
        let stamp = Stamp::from(&before);
        let noted = self.read(&whole).filter(|note| note.stamp == stamp).map(|note| note.sha256);
        if let Some(noted) = noted.filter(|_| check != Check::Always) {
            return Ok(noted);
        }
        let found = hash_file(&whole, meter)?;
        if let Some(expected) = noted.filter(|noted| *noted != found) {
            return Err(StoreError::ReadsOtherwise { path: whole, expected, found });
        }
        if is_settled(&before) && Stamp::of(&whole).is_ok_and(|after| after == stamp) {
            self.write(&whole, stamp, found);
        }
        Ok(found)
    }

    /// Notes what is known of a file already.
    pub(crate) fn note(&self, path: &Path, stamp: Stamp, digest: Digest) {
        if let Ok(whole) = fs::canonicalize(path) {
            self.write(&whole, stamp, digest);
        }
    }

    /// Forgets a file, which may be gone.
    pub(crate) fn forget(&self, path: &Path) {
        // A note that cannot be removed is only used again for the same file with the same stamp.
        if let Some(place) = fs::canonicalize(path).ok().and_then(|whole| self.place(&whole)) {
            let _ = fs::remove_file(place);
        }
    }

    fn place(&self, path: &Path) -> Option<PathBuf> {
        let name = Digest::of(path.as_os_str().as_encoded_bytes());
        self.folder.as_deref().map(|folder| folder.join(format!("{name}.json")))
    }

    fn read(&self, path: &Path) -> Option<Note> {
        let bytes = layout::read_small(&self.place(path)?).ok()?;
        let note: Note = serde_json::from_slice(&bytes).ok()?;
        (note.path == path.to_string_lossy()).then_some(note)
    }

    /// A digest that cannot be noted is taken again next time.
    fn write(&self, path: &Path, stamp: Stamp, sha256: Digest) {
        let Some(place) = self.place(path) else { return };
        let note = Note { path: path.to_string_lossy().into_owned(), stamp, sha256 };
        let made = place.parent().map(fs::create_dir_all);
        if let (Some(Ok(())), Ok(text)) = (made, serde_json::to_vec(&note)) {
            let _ = layout::write_whole(&place, &text);
        }
    }
}

fn is_settled(metadata: &Metadata) -> bool {
    let changed = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
    changed.is_some_and(|age| age > SETTLED)
}

/// SHA-256 of a file, taken now.
pub(crate) fn hash_file(path: &Path, meter: &mut Meter<'_>) -> Result<Digest, StoreError> {
    let read_error = |error| StoreError::io("read", path, error);
    let file = File::open(path).map_err(read_error)?;
    let mut hasher = Hasher::new();
    let mut stopped = None;
    let hashed = hasher.update_from(file, |done| {
        meter.advance(Phase::Verifying, done).map_err(|error| {
            stopped = Some(error);
            io::Error::other("stopped")
        })
    });
    match (stopped, hashed) {
        (Some(stopped), _) => Err(stopped),
        (None, Err(error)) => Err(read_error(error)),
        (None, Ok(_)) => Ok(hasher.digest()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits flipped in a file of this many bytes.
    const FLIPS: usize = 500;
    const BYTES: usize = 5000;

    fn set_back(path: &Path, time: SystemTime) {
        File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
    }

    #[test]
    fn a_noted_digest_is_used_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let notes = Notes::within(folder.path().join("notes"));
        fs::write(&path, "first").unwrap();
        assert_eq!(notes.digest(&path).unwrap(), Digest::of(b"first"));
        // Too young to be noted.
        assert!(!folder.path().join("notes").exists());
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        set_back(&path, hour_ago);
        notes.digest(&path).unwrap();
        let place = notes.place(&fs::canonicalize(&path).unwrap()).unwrap();
        let text = fs::read_to_string(&place).unwrap();
        let other = text.replace(&Digest::of(b"first").to_string(), &Digest::of(b"noted").to_string());
        fs::write(&place, other).unwrap();
        assert_eq!(notes.digest(&path).unwrap(), Digest::of(b"noted"), "the note is used");
        let mut nobody = ();
        let always = notes.digest_checked(&path, Check::Always, &mut Meter::new(&mut nobody, None));
        assert!(matches!(always, Err(StoreError::ReadsOtherwise { .. })), "{always:?}");
        // The same length, and its time set back: the record's own time gives it away.
        fs::write(&path, "other").unwrap();
        set_back(&path, hour_ago);
        assert_eq!(notes.digest(&path).unwrap(), Digest::of(b"other"));
    }

    #[test]
    fn every_flipped_bit_of_a_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let notes = Notes::within(folder.path().to_owned());
        let mut bytes: Vec<u8> = (0..BYTES).map(|at| (at * at % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let original = notes.digest(&path).unwrap();
        let mut noticed = 0;
        for flip in 0..FLIPS {
            let bit = flip * 6007 % (BYTES * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            noticed += usize::from(notes.digest(&path).unwrap() != original);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        println!("model files: {noticed} of {FLIPS} flipped bits noticed");
        assert_eq!(noticed, FLIPS);
    }
}
