//! SHA-256 of files, kept so that a large file is hashed once and not for every answer.
//!
//! A digest is known again by everything that the system says of a file: where it lies, its length, its number on the
//! disk, and when its content and its record were last changed. Writing to a file changes the last of these, also where
//! its time is set back by hand.

use crate::failure::Failure;
use crate::fingerprint::hex;
use crate::models::open_store;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{self, File, Metadata};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes that are read and hashed at once.
const READ_BYTES: usize = 1 << 20;
/// A file that was changed so shortly before could be changed once more without its time showing it.
const SETTLED: Duration = Duration::from_secs(2);
/// Longest note that is read, in bytes.
const MAX_NOTE_BYTES: u64 = 4096;

/// What is noted of a file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    path: String,
    size: u64,
    /// What else the system says of it.
    state: String,
    sha256: String,
}

/// SHA-256 of a file in hexadecimal digits: as noted, or else taken now, which takes about a second per gigabyte.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn of_file(path: &Path) -> Result<String, Failure> {
    let folder = open_store().ok().map(|store| store.root().join("digests"));
    of_file_noted_in(path, folder.as_deref())
}

/// SHA-256 of a file in hexadecimal digits, taken now.
///
/// # Errors
/// If the file cannot be read.
pub(crate) fn taken_now(path: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::file("read", path, error);
    let mut reader = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match reader.read(&mut buffer).map_err(failed)? {
            0 => return Ok(hex(&hasher.finalize())),
            count => hasher.update(buffer.get(..count).unwrap_or_default()),
        }
    }
}

fn of_file_noted_in(path: &Path, folder: Option<&Path>) -> Result<String, Failure> {
    let failed = |error| Failure::file("read", path, error);
    let path = fs::canonicalize(path).map_err(failed)?;
    let before = fs::metadata(&path).map_err(failed)?;
    let place = folder.map(|folder| place(folder, &path));
    let (size, state) = (before.len(), state(&before));
    if let Some(note) = place.as_deref().and_then(read)
        && (note.path.as_str(), note.size, &note.state) == (&*path.to_string_lossy(), size, &state)
    {
        return Ok(note.sha256);
    }
    let sha256 = taken_now(&path)?;
    let is_same = fs::metadata(&path).is_ok_and(|after| after.len() == size && self::state(&after) == state);
    if let Some(place) = place.filter(|_| is_same && is_settled(&before)) {
        // A digest that cannot be noted is taken again next time.
        let note = Note { path: path.to_string_lossy().into_owned(), size, state, sha256: sha256.clone() };
        let _ = write(&place, &note);
    }
    Ok(sha256)
}

fn place(folder: &Path, path: &Path) -> PathBuf {
    let name = hex(&Sha256::digest(path.as_os_str().as_encoded_bytes()));
    folder.join(format!("{name}.json"))
}

fn read(place: &Path) -> Option<Note> {
    let mut text = String::new();
    File::open(place).ok()?.take(MAX_NOTE_BYTES).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write(place: &Path, note: &Note) -> std::io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    let beside = place.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&beside, serde_json::to_string(note)?)?;
    fs::rename(beside, place)
}

fn is_settled(metadata: &Metadata) -> bool {
    let changed = metadata.modified().ok().and_then(|time| SystemTime::now().duration_since(time).ok());
    changed.is_some_and(|age| age > SETTLED)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits flipped in a file of this many bytes.
    const FLIPS: usize = 500;
    const BYTES: usize = 5000;

    #[test]
    fn a_noted_digest_is_used_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let (path, notes) = (folder.path().join("file"), folder.path().join("notes"));
        let digest = || of_file_noted_in(&path, Some(&notes)).unwrap();
        fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        // Too young to be noted.
        assert!(!notes.exists());
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        let age = || File::options().write(true).open(&path).unwrap().set_modified(hour_ago).unwrap();
        age();
        let abc = digest();
        let note = fs::read_dir(&notes).unwrap().next().unwrap().unwrap().path();
        // That it is used is seen by a note that lies.
        let lie = fs::read_to_string(&note).unwrap().replace(&abc, "0123");
        fs::write(&note, lie).unwrap();
        assert_eq!(digest(), "0123");
        // The same length and the same time, but another content.
        std::thread::sleep(Duration::from_millis(20));
        fs::write(&path, "abd").unwrap();
        age();
        assert_ne!(digest(), "0123");
        assert_ne!(digest(), abc);
        fs::write(&note, "no note").unwrap();
        assert_ne!(digest(), abc);
        assert!(of_file_noted_in(&folder.path().join("none"), None).is_err());
    }

    #[test]
    fn every_flipped_bit_of_a_model_file_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.gguf");
        let mut bytes: Vec<u8> = (0..BYTES).map(|at| (at * at % 251) as u8).collect();
        fs::write(&path, &bytes).unwrap();
        let original = of_file_noted_in(&path, Some(folder.path())).unwrap();
        let mut noticed = 0;
        for flip in 0..FLIPS {
            let bit = flip * 6007 % (BYTES * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            noticed += usize::from(of_file_noted_in(&path, Some(folder.path())).unwrap() != original);
            bytes[bit / 8] ^= 1 << (bit % 8);
        }
        println!("model files: {noticed} of {FLIPS} flipped bits noticed");
        assert_eq!(noticed, FLIPS);
    }
}
