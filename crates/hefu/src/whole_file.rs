//! A file that appears once it is whole.

use crate::failure::Failure;
use std::fs::{self, File};
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
        beside.push(format!(".{}.part", std::process::id()));
        let beside = path.with_file_name(beside);
        let file = File::create(&beside).map_err(|error| Failure::file("create", &beside, error))?;
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

impl Drop for WholeFile {
    /// What did not become whole goes away.
    fn drop(&mut self) {
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.beside);
        }
    }
}
