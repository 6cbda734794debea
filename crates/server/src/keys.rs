//! API keys: made once and shown once; only their hashes are kept.
//!
//! The file is a JSON object with a list of entries, one for each key. A key has 256 random bits, so its SHA-256 says
//! nothing about it, and no slow hash is needed. The server looks whether the file has changed, so that a key that is
//! added or revoked counts at once. Changes are made one after another, whoever makes them.

use crate::ids::{hex, unix_seconds};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

/// Prefix of every key, so that it is recognised where it should not be.
pub const PREFIX: &str = "hefu-";
/// Longest name of a key, in characters.
pub const MAX_NAME: usize = 64;
/// Most keys in a file.
pub const MAX_KEYS: usize = 10_000;
/// Largest file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// The permissions of a new file.
#[cfg(unix)]
const OWNER_ALONE: u32 = 0o600;
/// The permission of everybody to write.
#[cfg(unix)]
const WRITABLE_BY_ALL: u32 = 0o002;
/// Least interval between two looks at the file.
const LOOK_AFTER: Duration = Duration::from_secs(1);

/// Stored part of a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// By which people know it; unique.
    pub name: String,
    /// SHA-256 of the key in hexadecimal digits.
    pub sha256: String,
    /// Time when it was made, in seconds since 1970.
    pub created: u64,
    /// The group of keys that share what the cache holds of earlier prompts; without one, a key shares it with itself alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Whoever has it operates the server: may have its answers go on at another one, and hand it answers of another one.
    #[serde(default, skip_serializing_if = "is_false")]
    pub operator: bool,
}

/// For fields that files had not always: what is usual is left out.
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Reason why keys cannot be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// Action that was tried.
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
        /// The fault.
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
    // A device has no length, and no end.
    let mut text = Vec::new();
    let opened = std::fs::File::open(path).map_err(failed)?;
    opened.take(MAX_FILE_BYTES).read_to_end(&mut text).map_err(failed)?;
    let file: File = serde_json::from_slice(&text)
        .map_err(|error| KeyError::Damaged { path: path.to_owned(), reason: error.to_string() })?;
    Ok(file.keys)
}

/// Makes a key, perhaps in a group or an operator's, and returns it; it cannot be had again.
///
/// # Errors
/// A name that cannot be given, or a file that cannot be written.
pub fn add(path: &Path, name: &str, group: Option<&str>, operator: bool) -> Result<String, KeyError> {
    let is_wrong =
        |name: &str| name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control);
    if is_wrong(name) || group.is_some_and(is_wrong) {
        return Err(KeyError::Name);
    }
    let _change = change(path)?;
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
    keys.push(Entry { name: name.to_owned(), sha256: digest(&key), created: unix_seconds(), group, operator });
    write(path, keys)?;
    Ok(key)
}

/// Takes a key's right away.
///
/// # Errors
/// A name that no key has, or a file that cannot be written.
pub fn revoke(path: &Path, name: &str) -> Result<(), KeyError> {
    let _change = change(path)?;
    let mut keys = list(path)?;
    let before = keys.len();
    keys.retain(|entry| entry.name != name);
    if keys.len() == before {
        return Err(KeyError::Unknown(name.to_owned()));
    }
    write(path, keys)
}

/// Held while the file is read, changed and replaced: of two programs that do so at once the second one sees what the
/// first has done.
fn change(path: &Path) -> Result<std::fs::File, KeyError> {
    let failed = |source| KeyError::File { action: "lock", path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut beside = place(path).into_os_string();
    beside.push(".lock");
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ALONE);
    let file = options.open(beside).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

/// Where the file really lies: a symbolic link to it stays one.
fn place(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// Replaces the file as a whole, with the permissions that it has; a new one is readable by its owner alone. The caller
/// holds [`change`].
fn write(path: &Path, keys: Vec<Entry>) -> Result<(), KeyError> {
    let path = place(path);
    let failed = |source| KeyError::File { action: "write", path: path.clone(), source };
    let text = serde_json::to_string_pretty(&File { keys }).map_err(|error| failed(error.into()))?;
    let next = path.with_extension("json.new");
    // Whatever lies there, from a program that was killed or put there by somebody, is not written to.
    let _ = std::fs::remove_file(&next);
    let written = write_new(&next, &text).and_then(|file| {
        if let Ok(metadata) = std::fs::metadata(&path) {
            file.set_permissions(metadata.permissions())?;
        }
        file.sync_all()?;
        std::fs::rename(&next, &path)
    });
    written.map_err(|source| {
        let _ = std::fs::remove_file(&next);
        failed(source)
    })
}

fn write_new(path: &Path, text: &str) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, OWNER_ALONE);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

/// Says so where every user of the machine could add a key.
fn warn_of_others(path: &Path) {
    #[cfg(unix)]
    if let Ok(metadata) = std::fs::metadata(path) {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & WRITABLE_BY_ALL != 0 {
            let path = path.display();
            tracing::warn!("every user of this machine can change the keys in {path}; protect it: chmod 600 {path}");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

/// A number by which a name is told from others.
pub(crate) fn number(name: &str) -> u64 {
    Sha256::digest(name).iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte))
}

fn digest(key: &str) -> String {
    hex(&Sha256::digest(key))
}

/// Is told the names of keys that were added and of those that were revoked.
pub type OnChange = Box<dyn Fn(&[String], &[String]) + Send + Sync>;

/// The keys as a running server knows them.
pub struct Keys {
    path: Option<PathBuf>,
    known: Mutex<Known>,
    on_change: Option<OnChange>,
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
        let keys = Self { path, known: Mutex::default(), on_change: None };
        if let Some(path) = &keys.path {
            let mut known = keys.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entries = list(path)?;
            known.changed = changed(path);
            drop(known);
            warn_of_others(path);
        }
        Ok(keys)
    }

    /// Has `tell` called whenever keys were added or revoked, on a thread that must not wait.
    pub fn on_change(&mut self, tell: OnChange) {
        self.on_change = Some(tell);
    }

    /// True if there is any key.
    pub fn is_empty(&self) -> bool {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).entries.is_empty()
    }

    /// The stored entry of a key, if it is one.
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
            let entries = list(path).unwrap_or_else(|error| {
                tracing::error!("no key is valid now: {error}");
                Vec::new()
            });
            let before = std::mem::replace(&mut known.entries, entries);
            self.tell(&before, &known.entries);
        }
    }
}

impl Keys {
    /// Tells which keys are there now and were not before, and the other way round. A name that was given anew is both.
    fn tell(&self, before: &[Entry], now: &[Entry]) {
        let only_in = |these: &[Entry], others: &[Entry]| -> Vec<String> {
            let is_new = |entry: &&Entry| others.iter().all(|other| other.sha256 != entry.sha256);
            these.iter().filter(is_new).map(|entry| entry.name.clone()).collect()
        };
        let (added, revoked) = (only_in(now, before), only_in(before, now));
        if let Some(tell) = self.on_change.as_ref().filter(|_| !added.is_empty() || !revoked.is_empty()) {
            tell(&added, &revoked);
        }
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys").field("path", &self.path).field("known", &self.known).finish_non_exhaustive()
    }
}

fn changed(path: &Path) -> Option<(SystemTime, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests;
