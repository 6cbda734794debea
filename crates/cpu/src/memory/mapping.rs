//! A file mapped for reading.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use memmap2::Mmap;

use super::MemoryError;
use super::system::{self, PAGE};

/// A file's bytes without a copy of them.
///
/// The file must not be shortened or written to while it is mapped: the store never changes a model's file in place,
/// and a file given by path is its owner's promise. (A shortened file ends the program by a signal; it cannot make it
/// compute on other memory.)
#[derive(Debug)]
pub struct Mapping {
    map: Option<Mmap>,
}

impl Mapping {
    /// Maps the file at `path`.
    ///
    /// # Errors
    /// If it cannot be opened or mapped.
    pub fn open(path: &Path) -> Result<Mapping, MemoryError> {
        let failed = |source| MemoryError::File { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        if metadata.is_dir() {
            return Err(failed(std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a folder, not a file")));
        }
        if metadata.len() == 0 {
            return Ok(Mapping { map: None });
        }
        // SAFETY: the mapping is private and read-only; see the type's documentation for who may change the file.
        let map = unsafe { Mmap::map(&file) }.map_err(failed)?;
        system::will_read_once(&map);
        Ok(Mapping { map: Some(map) })
    }

    /// As [`Mapping::open`], of a file that is used where it lies, again and again, in any order.
    ///
    /// # Errors
    /// As [`Mapping::open`].
    pub fn open_for_use(path: &Path) -> Result<Mapping, MemoryError> {
        let mapping = Mapping::open(path)?;
        if let Some(map) = &mapping.map {
            system::will_read_often(map);
        }
        Ok(mapping)
    }

    /// The file's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.map.as_deref().unwrap_or_default()
    }

    /// Tells the system that `range` is not needed soon, so that its pages stop counting as resident; reading them
    /// again brings them back from the file.
    pub fn release(&self, range: Range<usize>) {
        let Some(map) = &self.map else { return };
        let end = range.end.min(map.len());
        let start = range.start.next_multiple_of(PAGE).min(end);
        let whole = (end - start) / PAGE * PAGE;
        let length = if end == map.len() { end - start } else { whole };
        if length > 0 {
            system::release(map, start..start + length);
        }
    }
}

impl AsRef<[u8]> for Mapping {
    fn as_ref(&self) -> &[u8] {
        self.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_bytes_are_read_again() {
        let path = std::env::temp_dir().join(format!("hefu-mapping-{}", std::process::id()));
        let content: Vec<u8> = (0..300_000u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &content).unwrap();
        let mapping = Mapping::open(&path).unwrap();
        assert_eq!(mapping.bytes(), content);
        mapping.release(10..300_000);
        mapping.release(299_999..usize::MAX);
        assert_eq!(mapping.bytes(), content);
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn what_is_no_file_is_named() {
        let folder = Mapping::open(&std::env::temp_dir()).unwrap_err().to_string();
        assert!(folder.contains("folder"), "{folder}");
        let missing = Mapping::open(Path::new("no/such/file")).unwrap_err().to_string();
        assert!(missing.contains("no/such/file"), "{missing}");
    }
}
