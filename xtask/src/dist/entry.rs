//! Files on their way into products.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The program's place among the entries.
pub(super) const PROGRAM: &str = "hefu";

/// A file of a product.
#[derive(Clone)]
pub(super) struct Entry {
    /// Its path in the product, with `/`.
    pub(super) path: String,
    pub(super) bytes: Vec<u8>,
    pub(super) mode: u32,
}

impl Entry {
    /// A file that is read.
    pub(super) fn file(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), bytes, mode: 0o644 }
    }

    /// A file that is run.
    pub(super) fn program(path: &str, bytes: Vec<u8>) -> Self {
        Self { path: path.to_owned(), bytes, mode: 0o755 }
    }

    /// The same file at another place.
    pub(super) fn at(&self, path: &str) -> Self {
        Self { path: path.to_owned(), ..self.clone() }
    }
}

/// The entry at a path of the shared list.
pub(super) fn find<'a>(files: &'a [Entry], path: &str) -> Result<&'a Entry, String> {
    files.iter().find(|entry| entry.path == path).ok_or_else(|| format!("{path} is not among the files of the product"))
}

/// A file's bytes.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// Writes a product.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    fs::write(path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Makes a folder that somebody named; one that holds anything is left as it is.
pub(super) fn new_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
    let mut inside = fs::read_dir(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    if inside.next().is_none() { Ok(()) } else { Err(format!("{} is not empty", path.display())) }
}

/// Makes a folder of our own anew.
pub(super) fn empty_folder(path: &Path) -> Result<(), String> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(|error| format!("cannot empty {}: {error}", path.display()))?;
    }
    fs::create_dir_all(path).map_err(|error| format!("cannot create {}: {error}", path.display()))
}

/// Output of a program.
pub(super) fn output(program: &Path, arguments: &[&OsStr]) -> Result<Vec<u8>, String> {
    let name = program.display();
    let output =
        Command::new(program).args(arguments).output().map_err(|error| format!("cannot run {name}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} {arguments:?} failed: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output.stdout)
}
