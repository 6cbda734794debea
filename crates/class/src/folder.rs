//! The class on the disk: its key, what it is (`class.json`), and a signed file for each pupil (`pupils/NUMBER.json`).
//!
//! Every file is replaced as a whole, after its successor is on the disk; so whenever the machine is switched off, each is the one
//! from before or the one from after.

use crate::limits::{MAX_FILE_BYTES, MAX_PUPILS};
use crate::progress::{Progress, Signed};
use crate::refusal::Refusal;
use hefu_proof::{Identity, PublicKey};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::exam::Exam;

/// Record of a class: id, code, number of the next pupil, exams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct About {
    /// By which it is told from others: random.
    pub(crate) id: String,
    /// The code by which pupils come in.
    pub(crate) code: String,
    /// The number of the next pupil.
    pub(crate) next: u64,
    /// All exams, the last one last.
    pub(crate) exams: Vec<Exam>,
}

/// The folder, which this program alone has while it lives.
#[derive(Debug)]
pub(crate) struct Folder {
    path: PathBuf,
    /// Held, so that no other program writes here.
    _lock: File,
}

impl Folder {
    /// Takes the folder, which is made where it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self, Refusal> {
        let pupils = path.join("pupils");
        fs::create_dir_all(&pupils).map_err(failed("make", &pupils))?;
        let at = path.join("lock");
        let lock = OpenOptions::new().write(true).create(true).truncate(false).open(&at);
        let lock = lock.map_err(failed("open", &at))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(Refusal::Open(path.to_owned())),
            Err(fs::TryLockError::Error(error)) => Err(failed("lock", &at)(error)),
        }
    }

    /// The key, made at the first start.
    pub(crate) fn key(&self) -> Result<Identity, Refusal> {
        Ok(Identity::open_or_create(&self.path.join("key.pem"))?)
    }

    /// Record of the class, if it has been begun.
    pub(crate) fn about(&self) -> Result<Option<About>, Refusal> {
        let path = self.path.join("class.json");
        match read(&path) {
            Err(Refusal::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
            text => Ok(Some(serde_json::from_str(&text?).map_err(|error| damaged(&path, error.to_string()))?)),
        }
    }

    /// Writes down what the class is.
    pub(crate) fn keep_about(&self, about: &About) -> Result<(), Refusal> {
        let path = self.path.join("class.json");
        let text = serde_json::to_string_pretty(about).map_err(|error| damaged(&path, error.to_string()))?;
        replace(&path, &text)
    }

    /// Every pupil, each by a file that the class has signed.
    pub(crate) fn pupils(&self, key: PublicKey) -> Result<BTreeMap<u64, Progress>, Refusal> {
        let folder = self.path.join("pupils");
        let mut all = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(failed("read", &folder))? {
            let path = entry.map_err(failed("read", &folder))?.path();
            let number = path.file_stem().and_then(|stem| stem.to_str()?.parse::<u64>().ok());
            let is_json = path.extension().is_some_and(|end| end == "json");
            // Unfinished files, and those of pupils who were removed, are passed over.
            let Some(number) = number.filter(|_| is_json) else { continue };
            if all.len() >= MAX_PUPILS {
                return Err(damaged(&folder, format!("it holds more than the {MAX_PUPILS} pupils of any class")));
            }
            let signed = Signed::read(&read(&path)?).map_err(|why| damaged(&path, why))?;
            if signed.public_key != key || signed.progress.pupil != number {
                return Err(damaged(&path, "it is of another class or of another pupil".to_owned()));
            }
            all.insert(number, signed.progress);
        }
        Ok(all)
    }

    /// Writes a pupil's file.
    pub(crate) fn keep(&self, number: u64, text: &str) -> Result<(), Refusal> {
        if text.len() > MAX_FILE_BYTES {
            return Err(Refusal::Long);
        }
        replace(&self.path.join("pupils").join(format!("{number}.json")), text)
    }

    /// Puts the file of a pupil aside, where a teacher who was too quick finds it.
    pub(crate) fn put_aside(&self, number: u64) -> Result<(), Refusal> {
        let of = |name: String| self.path.join("pupils").join(name);
        let (from, to) = (of(format!("{number}.json")), of(format!("{number}.json.removed")));
        fs::rename(&from, to).map_err(failed("put aside", &from))?;
        settle(&from)
    }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Refusal {
    let path = path.to_owned();
    move |source| Refusal::File { action, path, source }
}

fn damaged(path: &Path, why: String) -> Refusal {
    Refusal::Damaged { path: path.to_owned(), why }
}

fn read(path: &Path) -> Result<String, Refusal> {
    let mut text = String::new();
    let file = File::open(path).map_err(failed("read", path))?;
    file.take(MAX_FILE_BYTES as u64 + 1).read_to_string(&mut text).map_err(failed("read", path))?;
    Ok(text)
}

/// Replaces a file by a text, once that is on the disk.
fn replace(path: &Path, text: &str) -> Result<(), Refusal> {
    let next = path.with_extension("json.new");
    let write = || {
        let mut file = File::create(&next)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&next, path)
    };
    write().map_err(failed("write", path))?;
    settle(path)
}

/// Makes sure that a name in a folder is on the disk, too.
fn settle(path: &Path) -> Result<(), Refusal> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("write", path))?;
    }
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
