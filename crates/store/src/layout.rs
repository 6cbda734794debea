//! Where things lie in the store's folder, and writing small files so that they are whole or absent.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use etcetera::BaseStrategy;

use crate::digest::Digest;
use crate::error::StoreError;
use crate::name::ModelName;

/// Largest manifest or state file that is read, in bytes.
const MAX_SMALL_FILE_BYTES: u64 = 1 << 20;
/// The folder's name within the platform's cache folder.
const FOLDER: &str = "hefu";
/// Stand-in for the store's folder where none is known: nothing is there, and nothing is made there.
const NOWHERE: &str = "/nonexistent/hefu";

/// The store's folder and the paths within it.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
    /// True if there is such a folder. A user without a home, as in some containers, has none, and needs none for models that
    /// are used where they lie.
    is_known: bool,
}

impl Layout {
    /// The given folder, else `HEFU_HOME`, else `hefu` in the platform's cache folder, if there is any. Nothing is created yet.
    pub(crate) fn find(root: Option<PathBuf>) -> Self {
        let from_environment = || std::env::var_os("HEFU_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let from_platform =
            || etcetera::base_strategy::choose_native_strategy().ok().map(|folders| folders.cache_dir().join(FOLDER));
        let found = root.or_else(from_environment).or_else(from_platform);
        let is_known = found.is_some();
        Self { root: found.unwrap_or_else(|| NOWHERE.into()), is_known }
    }

    pub(crate) fn root(&self) -> Result<&Path, StoreError> {
        if self.is_known { Ok(&self.root) } else { Err(StoreError::NoCacheFolder) }
    }

    pub(crate) fn models(&self) -> PathBuf {
        self.root.join("models")
    }

    pub(crate) fn manifest(&self, name: &ModelName) -> PathBuf {
        self.models().join(format!("{name}.json"))
    }

    pub(crate) fn blobs(&self) -> PathBuf {
        self.root.join("blobs")
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        self.blobs().join(format!("sha256-{digest}"))
    }

    pub(crate) fn partial(&self) -> PathBuf {
        self.root.join("partial")
    }

    /// Packed copies of models' weights.
    pub(crate) fn packed(&self) -> PathBuf {
        self.root.join("packed")
    }

    /// Notes of digests, of stored files and others.
    pub(crate) fn digests(&self) -> PathBuf {
        self.root.join("digests")
    }

    pub(crate) fn lock(&self, key: &str) -> PathBuf {
        self.root.join("locks").join(format!("{key}.lock"))
    }

    /// Makes the folders that a pull or removal writes to.
    pub(crate) fn create(&self) -> Result<(), StoreError> {
        self.root()?;
        let folders = [self.models(), self.blobs(), self.partial(), self.root.join("locks")];
        for folder in folders {
            fs::create_dir_all(&folder).map_err(|error| StoreError::io("create the folder", &folder, error))?;
        }
        Ok(())
    }
}

/// Writes a small file beside its place, flushes it to the disk, and renames it into place.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let beside = path.with_extension(format!("{}-{unique}.tmp", process::id()));
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.and_then(|()| fs::rename(&beside, path)).map_err(|error| {
        let _ = fs::remove_file(&beside);
        StoreError::io("write", path, error)
    })?;
    sync_folder_of(path);
    Ok(())
}

/// Reads a small file; one that is absurdly large is an error.
pub(crate) fn read_small(path: &Path) -> io::Result<Vec<u8>> {
    if fs::metadata(path)?.len() > MAX_SMALL_FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MiB"));
    }
    fs::read(path)
}

/// Removes a file that may not be there.
pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// Removes a folder that may not be there, with all that is in it.
pub(crate) fn remove_folder_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("remove", path, error)),
        _ => Ok(()),
    }
}

/// Makes a rename durable where the system lets a folder be flushed; where it does not, the rename is still atomic.
pub(crate) fn sync_folder_of(path: &Path) {
    if let Some(folder) = path.parent()
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}
