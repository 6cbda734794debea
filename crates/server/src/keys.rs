//! API keys: made once and shown once; only their hashes are kept.
//!
//! The file is a JSON object with a list of entries, one for each key. A key has 256 random bits, so its SHA-256 says
//! nothing about it, and no slow hash is needed. The server looks whether the file has changed, so that a key that is
//! added or revoked counts at once.

use crate::ids::{hex, unix_seconds};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// What every key begins with, so that it is recognised where it should not be.
pub const PREFIX: &str = "hefu-";
/// Longest name of a key, in characters.
pub const MAX_NAME: usize = 64;
/// Most keys in a file.
pub const MAX_KEYS: usize = 10_000;
/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// How often the file is looked at, at most.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// What is kept of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// By which people know it; unique.
    pub name: String,
    /// SHA-256 of the key in hexadecimal digits.
    pub sha256: String,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// The group of keys that share what the cache holds of earlier prompts; without one, a key shares it with itself alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// Why keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("{} is no list of keys: {reason}; move it away and add the keys again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A name that cannot be given.
    #[error("the name of a key or of a group must have 1 to {MAX_NAME} characters, none of them a control character")]
    Name,
    /// A name that another key has.
    #[error("there is a key named \"{0}\" already; revoke it first or choose another name")]
    Taken(String),
    /// No key has this name.
    #[error("there is no key named \"{0}\"; `hefu key list` shows the names")]
    Unknown(String),
    /// Too many.
    #[error("there are {MAX_KEYS} keys already; revoke some first")]
    TooMany,
    /// The system gives no random numbers.
    #[error("no random numbers can be had: {0}")]
    Random(String),
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<Entry>,
}

/// All keys. No file is no keys.
///
/// # Errors
/// A file that cannot be read.
pub fn list(path: &Path) -> Result<Vec<Entry>, KeyError> {
    let failed = |source| KeyError::File { action: "read", path: path.to_owned(), source };
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
        Ok(metadata) if metadata.len() > MAX_FILE_BYTES => {
            let reason = format!("it has {} bytes, more than {MAX_FILE_BYTES}", metadata.len());
            return Err(KeyError::Damaged { path: path.to_owned(), reason });
        }
        Ok(_) => {}
    }
    let text = std::fs::read(path).map_err(failed)?;
    let file: File = serde_json::from_slice(&text)
        .map_err(|error| KeyError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
    Ok(file.keys)
}

/// Makes a key, perhaps in a group, and returns it; it cannot be had again.
///
/// # Errors
/// A name that cannot be given, or a file that cannot be written.
pub fn add(path: &Path, name: &str, group: Option<&str>) -> Result<String, KeyError> {
    let is_wrong =
        |name: &str| name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control);
    if is_wrong(name) || group.is_some_and(is_wrong) {
        return Err(KeyError::Name);
    }
    let mut keys = list(path)?;
    if keys.iter().any(|entry| entry.name == name) {
        return Err(KeyError::Taken(name.to_owned()));
    }
    if keys.len() >= MAX_KEYS {
        return Err(KeyError::TooMany);
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(|error| KeyError::Random(error.to_string()))?;
    let key = format!("{PREFIX}{}", hex(&bytes));
    let group = group.map(str::to_owned);
    keys.push(Entry { name: name.to_owned(), sha256: digest(&key), created: unix_seconds(), group });
    write(path, keys)?;
    Ok(key)
}

/// Takes a key's right away.
///
/// # Errors
/// A name that no key has, or a file that cannot be written.
pub fn revoke(path: &Path, name: &str) -> Result<(), KeyError> {
    let mut keys = list(path)?;
    let before = keys.len();
    keys.retain(|entry| entry.name != name);
    if keys.len() == before {
        return Err(KeyError::Unknown(name.to_owned()));
    }
    write(path, keys)
}

/// Replaces the file as a whole, readable by its owner alone.
fn write(path: &Path, keys: Vec<Entry>) -> Result<(), KeyError> {
    let failed = |source| KeyError::File { action: "write", path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let text = serde_json::to_string_pretty(&File { keys }).map_err(|error| failed(error.into()))?;
    let next = path.with_extension("json.new");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&next).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&next, path).map_err(failed)
}

fn digest(key: &str) -> String {
    hex(&Sha256::digest(key))
}

/// The keys as a running server knows them.
#[derive(Debug)]
pub struct Keys {
    path: Option<PathBuf>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    entries: Vec<Entry>,
    changed: Option<(SystemTime, u64)>,
    looked: Option<Instant>,
}

impl Keys {
    /// The keys of a file, which need not exist; `None` is no keys, ever.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: Option<PathBuf>) -> Result<Self, KeyError> {
        let keys = Self { path, known: Mutex::default() };
        if let Some(path) = &keys.path {
            let mut known = keys.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entries = list(path)?;
            known.changed = changed(path);
            drop(known);
        }
        Ok(keys)
    }

    /// Whether there is any key.
    pub fn is_empty(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entries.is_empty()
    }

    /// What is kept of a key, if it is one.
    pub fn find(&self, key: &str) -> Option<Entry> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        self.look(&mut known);
        let digest = digest(key);
        known.entries.iter().find(|entry| entry.sha256 == digest).cloned()
    }

    /// Reads the file again if it has changed. One that cannot be read leaves no key valid: a key that was revoked must
    /// not live on because of a slip.
    fn look(&self, known: &mut Known) {
        let Some(path) = &self.path else { return };
        if known.looked.is_some_and(|looked| looked.elapsed() < LOOK_AFTER) {
            return;
        }
        known.looked = Some(Instant::now());
        let now = changed(path);
        if now != known.changed {
            known.changed = now;
            known.entries = list(path).unwrap_or_else(|error| {
                tracing::error!("no key is valid now: {error}");
                Vec::new()
            });
        }
    }
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(keys: &Keys, key: &str) -> Option<String> {
        keys.find(key).map(|entry| entry.name)
    }

    #[test]
    fn a_key_is_valid_from_add_to_revoke_and_is_not_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("keys.json");
        let (a, b) = (add(&path, "a", None).unwrap(), add(&path, "b", None).unwrap());
        assert!(a.starts_with(PREFIX) && a.len() == PREFIX.len() + 64 && a != b);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(&a) && !text.contains(a.trim_start_matches(PREFIX)));
        let keys = Keys::open(Some(path.clone())).unwrap();
        assert_eq!((name(&keys, &a).as_deref(), name(&keys, &b).as_deref()), (Some("a"), Some("b")));
        assert_eq!(name(&keys, "hefu-"), None);
        revoke(&path, "a").unwrap();
        // As if the time to look again had come.
        keys.known.lock().unwrap().looked = None;
        assert_eq!((name(&keys, &a), name(&keys, &b).as_deref()), (None, Some("b")));
        assert!(matches!(revoke(&path, "a"), Err(KeyError::Unknown(_))));
        assert!(matches!(add(&path, "b", None), Err(KeyError::Taken(_))));
    }

    #[test]
    fn names_are_bounded_and_a_damaged_file_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        for bad in ["", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(matches!(add(&path, bad, None), Err(KeyError::Name)));
        }
        std::fs::write(&path, "{\"keys\": 3}").unwrap();
        assert!(matches!(Keys::open(Some(path)), Err(KeyError::Damaged { .. })));
        assert!(Keys::open(None).unwrap().is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys.json");
        add(&path, "a", None).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
