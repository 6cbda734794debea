//! A file that appears once it is whole.

use crate::failure::Failure;
use std::fs::{self, File, TryLockError};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Bytes that are gathered before they are written.
const BUFFER_BYTES: usize = 1 << 20;

/// The file that is being written, beside the place where it will be.
pub(crate) struct WholeFile {
    path: PathBuf,
    beside: PathBuf,
    file: Option<BufWriter<File>>,
    written: u64,
}

impl WholeFile {
    /// Begins a file; `inputs` are files that it must not replace.
    ///
    /// # Errors
    /// A file that is there already, unless `force` says so, or a folder that cannot be written to.
    pub(crate) fn new(path: &Path, inputs: &[&Path], force: bool) -> Result<Self, Failure> {
        let place = fs::canonicalize(path).ok();
        if place.is_some() && inputs.iter().any(|input| fs::canonicalize(input).ok() == place) {
            return Err(Failure::Usage(format!("{} is the input; give the output another name", path.display())));
        }
        if path.is_dir() {
            return Err(Failure::Usage(format!("{} is a folder; name a file", path.display())));
        }
        // A rename would put a file in the place of a device, or of a pipe that somebody reads from.
        if path.exists() && !path.is_file() {
            return Err(Failure::Usage(format!("{} is a device or a pipe; name a file", path.display())));
        }
        if path.exists() && !force {
            let shown = path.display();
            return Err(Failure::Usage(format!(
                "{shown} is there already; give another name, or --force to replace it"
            )));
        }
        let Some(name) = path.file_name() else {
            return Err(Failure::Usage(format!("{} names no file", path.display())));
        };
        let mut beside = name.to_owned();
        beside.push(".part");
        let beside = path.with_file_name(beside);
        let file = claim(&beside)?;
        let file = Some(BufWriter::with_capacity(BUFFER_BYTES, file));
        Ok(Self { path: path.to_owned(), beside, file, written: 0 })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// A disk that is full, for example.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.written += bytes.len() as u64;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(bytes).map_err(|error| Failure::file("write", &self.beside, error))
    }

    /// Appends zeros up to a multiple of `alignment`.
    ///
    /// # Errors
    /// As [`WholeFile::write`].
    pub(crate) fn align(&mut self, alignment: u64) -> Result<(), Failure> {
        let missing = self.written.next_multiple_of(alignment) - self.written;
        self.write(&vec![0; missing as usize])
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// As [`WholeFile::write`].
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        if let Some(file) = self.file.take() {
            let written =
                file.into_inner().map_err(std::io::IntoInnerError::into_error).and_then(|file| file.sync_all());
            written.map_err(|error| Failure::file("write", &self.beside, error))?;
        }
        fs::rename(&self.beside, &self.path).map_err(|error| Failure::file("write", &self.path, error))
    }
}

/// Opens the file beside the place, empty and locked: what a program that was killed left is written over, what another one is
/// writing is left to it.
fn claim(beside: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::file("create", beside, error);
    let file = File::options().create(true).write(true).truncate(false).open(beside).map_err(failed)?;
    let is_taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
    // It may have become whole, and been renamed, between the opening and the lock.
    if is_taken || !beside.exists() {
        let shown = beside.display();
        return Err(Failure::Other(format!("another program is writing {shown}; wait for it, or give another name")));
    }
    file.set_len(0).map_err(failed)?;
    Ok(file)
}

impl Drop for WholeFile {
    /// Removes a file that did not become whole.
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_program_left_is_written_over_and_what_another_writes_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.gguf");
        let names = || {
            let entries = fs::read_dir(folder.path()).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        // As if the program had been killed: nothing is dropped, the lock goes with the process.
        fs::write(folder.path().join("out.gguf.part"), "a longer beginning").unwrap();

        let mut first = WholeFile::new(&path, &[], false).unwrap();
        let said = WholeFile::new(&path, &[], false).err().map(|failure| failure.to_string()).unwrap();
        assert!(said.contains("another program is writing"), "{said}");
        first.write(b"whole").unwrap();
        first.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), names()), (b"whole".to_vec(), vec!["out.gguf".to_owned()]));

        drop(WholeFile::new(&path, &[], true).unwrap());
        assert_eq!(names(), ["out.gguf"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_device_is_not_replaced_by_a_file() {
        for force in [false, true] {
            let said = WholeFile::new(Path::new("/dev/null"), &[], force).err().map(|failure| failure.to_string());
            assert_eq!(said.as_deref(), Some("/dev/null is a device or a pipe; name a file"), "force: {force}");
        }
        assert!(!Path::new("/dev/null.part").exists());
    }
}
