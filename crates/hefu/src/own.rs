//! The program's own files: the one that computes, which receipts name, and the one that starts it once more.
//!
//! They are the same, and found by asking the system, unless the program is part of another one: a package of Python's, whose
//! interpreter is what runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

static COMPUTES: OnceLock<PathBuf> = OnceLock::new();
static STARTS: OnceLock<PathBuf> = OnceLock::new();

/// Says what they are; the first time counts.
pub(crate) fn set(computes: PathBuf, starts: Option<PathBuf>) {
    let _ = COMPUTES.set(computes);
    if let Some(starts) = starts {
        let _ = STARTS.set(starts);
    }
}

/// The file that computes.
///
/// # Errors
/// If the system does not say.
pub(crate) fn computes() -> io::Result<PathBuf> {
    if let Some(path) = COMPUTES.get() {
        return Ok(path.clone());
    }
    // Under this name Linux gives the file that is running, also after another was put in its place.
    let running = Path::new("/proc/self/exe");
    if running.exists() { Ok(running.to_owned()) } else { std::env::current_exe() }
}

/// The file that starts the program.
///
/// # Errors
/// If the system does not say.
pub(crate) fn starts() -> io::Result<PathBuf> {
    STARTS.get().cloned().map_or_else(std::env::current_exe, Ok)
}
