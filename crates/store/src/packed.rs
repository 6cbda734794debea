//! Packed copies: a model's weights as a device has them in memory, kept beside the models so that they need not be made
//! again at each start.
//!
//! ```text
//! packed/<key>.weights    the copy, mapped where it lies
//! packed/<key>.json       which files it was made of, its length and its digest
//! ```
//!
//! The key is a digest of the model's files and of whatever else the copy depends on, which the caller knows. A copy is
//! compared with its digest as a model's files are: again whenever its time stamps are not those that were noted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::digest::{CHUNK_BYTES, Digest, Hasher};
use crate::error::StoreError;
use crate::layout;
use crate::model::ResolvedModel;
use crate::partial::ensure_room;
use crate::progress::{Meter, Phase, Progress};
use crate::stamp::{Check, Stamp};
use crate::store::Store;

/// The lock of whoever writes a copy, one at a time.
const WRITERS: &str = "packed";

/// Facts about a copy.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// The model's name, for people.
    model: String,
    /// Lengths of the model's files, by which most copies are passed over without a digest.
    sizes: Vec<u64>,
    /// Bytes of the copy.
    size: u64,
    sha256: Digest,
}

impl Store {
    /// The packed copy of a model under the key that `key` makes of the digests of the model's files, if there is one.
    /// Digests are only taken where some copy could be this model's.
    ///
    /// # Errors
    /// [`StoreError::PackedDamaged`] if the copy is not what was written; [`StoreError::Io`] if files cannot be read.
    pub fn packed(
        &self,
        model: &ResolvedModel,
        key: &dyn Fn(&[Digest]) -> Digest,
        check: Check,
        progress: &mut dyn Progress,
    ) -> Result<Option<PathBuf>, StoreError> {
        if !self.has_packed(model) {
            return Ok(None);
        }
        let key = key(&self.digests_of(model)?);
        let Some(description) = self.description(key) else { return Ok(None) };
        let path = self.packed_path(key, "weights");
        let found = match check {
            Check::Never => description.sha256,
            check => match self.notes().digest_checked(&path, check, &mut Meter::new(progress, Some(description.size)))
            {
                Err(StoreError::ReadsOtherwise { found, .. }) => found,
                digest => digest?,
            },
        };
        if found != description.sha256 {
            return Err(StoreError::PackedDamaged { model: model.name.clone(), path });
        }
        Ok(Some(path))
    }

    /// Writes a packed copy. It is flushed to the disk and renamed into place before it is described, so that no part of one
    /// is ever used.
    ///
    /// # Errors
    /// [`StoreError::NotEnoughSpace`], [`StoreError::Stopped`], or [`StoreError::Io`].
    pub fn keep_packed(
        &self,
        model: &ResolvedModel,
        key: &dyn Fn(&[Digest]) -> Digest,
        image: &[u8],
        progress: &mut dyn Progress,
    ) -> Result<PathBuf, StoreError> {
        let key = key(&self.digests_of(model)?);
        self.layout().create()?;
        let folder = self.layout().packed();
        fs::create_dir_all(&folder).map_err(|error| StoreError::io("create the folder", &folder, error))?;
        let mut meter = Meter::new(progress, Some(image.len() as u64));
        let _writers = self.wait_for_lock(WRITERS, &model.name, &mut meter)?;
        self.remove_left_over()?;
        ensure_room(&folder, image.len() as u64)?;
        let path = self.packed_path(key, "weights");
        let beside = path.with_extension(format!("{}.tmp", std::process::id()));
        let written = write(&beside, image, &mut meter);
        let sha256 = written.inspect_err(|_| {
            let _ = fs::remove_file(&beside);
        })?;
        fs::rename(&beside, &path).map_err(|error| StoreError::io("write", &path, error))?;
        if let Ok(stamp) = Stamp::of(&path) {
            self.notes().note(&path, stamp, sha256);
        }
        let sizes = model.files.iter().map(|file| file.size).collect();
        let description = Description { model: model.name.clone(), sizes, size: image.len() as u64, sha256 };
        let text = serde_json::to_vec_pretty(&description)
            .map_err(|error| StoreError::io("write", self.packed_path(key, "json"), io::Error::other(error)))?;
        layout::write_whole(&self.packed_path(key, "json"), &text)?;
        Ok(path)
    }

    /// Removes every packed copy that was made of files with these lengths under this name. Returns the bytes freed.
    ///
    /// # Errors
    /// [`StoreError::Io`] if one cannot be removed.
    pub fn remove_packed(&self, model: &ResolvedModel) -> Result<u64, StoreError> {
        self.remove_described(|description| description.model == model.name && is_of(description, model))
    }

    /// Removes packed copies under a name whose files are gone, so that nothing tells their lengths. Returns the bytes freed.
    ///
    /// # Errors
    /// [`StoreError::Io`] if one cannot be removed.
    pub fn remove_packed_by_name(&self, name: &str) -> Result<u64, StoreError> {
        self.remove_described(|description| description.model == name)
    }

    fn remove_described(&self, is_meant: impl Fn(&Description) -> bool) -> Result<u64, StoreError> {
        let mut freed = 0;
        for (path, description) in self.descriptions() {
            if is_meant(&description) {
                let weights = path.with_extension("weights");
                layout::remove_if_there(&path)?;
                self.notes().forget(&weights);
                freed += fs::metadata(&weights).map_or(0, |metadata| metadata.len());
                layout::remove_if_there(&weights)?;
            }
        }
        Ok(freed)
    }

    /// Removes what writers left that were killed: files beside their places, and copies that nothing describes. Whoever calls this
    /// holds the writers' lock, so that nobody is writing them.
    fn remove_left_over(&self) -> Result<(), StoreError> {
        for entry in fs::read_dir(self.layout().packed()).into_iter().flatten().flatten() {
            let path = entry.path();
            let is_left_over = match path.extension().and_then(std::ffi::OsStr::to_str) {
                Some("tmp") => true,
                Some("weights") => !path.with_extension("json").exists(),
                _ => false,
            };
            if is_left_over {
                layout::remove_if_there(&path)?;
            }
        }
        Ok(())
    }

    fn has_packed(&self, model: &ResolvedModel) -> bool {
        self.descriptions().iter().any(|(_, description)| is_of(description, model))
    }

    /// All descriptions that can be read; a damaged one describes nothing.
    fn descriptions(&self) -> Vec<(PathBuf, Description)> {
        let entries = fs::read_dir(self.layout().packed()).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
        paths.filter_map(|path| Some((read_description(&path)?, path))).map(|(what, path)| (path, what)).collect()
    }

    fn description(&self, key: Digest) -> Option<Description> {
        read_description(&self.packed_path(key, "json"))
    }

    fn packed_path(&self, key: Digest, extension: &str) -> PathBuf {
        self.layout().packed().join(format!("{key}.{extension}"))
    }

    /// Digests of all files of a model: as they were pulled, or else as noted or taken now.
    fn digests_of(&self, model: &ResolvedModel) -> Result<Vec<Digest>, StoreError> {
        let notes = self.notes();
        model.files.iter().map(|file| file.sha256.map_or_else(|| notes.digest(&file.path), Ok)).collect()
    }
}

fn read_description(path: &std::path::Path) -> Option<Description> {
    serde_json::from_slice(&layout::read_small(path).ok()?).ok()
}

fn is_of(description: &Description, model: &ResolvedModel) -> bool {
    description.sizes.iter().eq(model.files.iter().map(|file| &file.size))
}

/// Writes bytes, flushed to the disk, and takes their digest meanwhile.
fn write(path: &std::path::Path, bytes: &[u8], meter: &mut Meter<'_>) -> Result<Digest, StoreError> {
    let failed = |error| StoreError::io("write", path, error);
    let mut file = File::create(path).map_err(failed)?;
    let (mut hasher, mut done) = (Hasher::new(), 0);
    for chunk in bytes.chunks(16 * CHUNK_BYTES) {
        file.write_all(chunk).map_err(failed)?;
        hasher.update(chunk);
        done += chunk.len() as u64;
        meter.advance(Phase::Packing, done)?;
    }
    file.sync_all().map_err(failed)?;
    Ok(hasher.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(digests: &[Digest]) -> Digest {
        Digest::of(format!("{digests:?}").as_bytes())
    }

    #[test]
    fn a_copy_is_found_as_long_as_model_and_copy_are_what_they_were() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path().join("store"))).unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, "some weights").unwrap();
        let model = crate::model::in_place(&file).unwrap();
        let find = |model: &ResolvedModel| store.packed(model, &key, Check::Changed, &mut ());
        assert_eq!(find(&model).unwrap(), None);

        let path = store.keep_packed(&model, &key, b"packed weights", &mut ()).unwrap();
        assert_eq!(find(&model).unwrap().as_deref(), Some(path.as_path()));
        assert_eq!(fs::read(&path).unwrap(), b"packed weights");

        // A model of the same length is another one.
        fs::write(&file, "SOME WEIGHTS").unwrap();
        let other = crate::model::in_place(&file).unwrap();
        assert_eq!(find(&other).unwrap(), None);
        fs::write(&file, "some weights").unwrap();

        fs::write(&path, b"packed WEIGHTS").unwrap();
        let error = find(&model).unwrap_err().to_string();
        assert!(error.contains("is not what was written"), "{error}");
        assert_eq!(store.remove_packed(&model).unwrap(), 14);
        assert_eq!(find(&model).unwrap(), None);
        assert!(!path.exists());
    }

    #[test]
    fn what_killed_writers_left_goes_with_the_next_copy() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path().join("store"))).unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, "some weights").unwrap();
        let model = crate::model::in_place(&file).unwrap();
        let first = store.keep_packed(&model, &key, b"packed weights", &mut ()).unwrap();
        let left = ["a.123.tmp", "b.123-0.tmp", "c.weights"].map(|name| first.with_file_name(name));
        left.iter().for_each(|path| fs::write(path, "part").unwrap());

        fs::write(&file, "other weights").unwrap();
        let other = crate::model::in_place(&file).unwrap();
        let second = store.keep_packed(&other, &key, b"packed otherwise", &mut ()).unwrap();
        assert!(left.iter().all(|path| !path.exists()));
        assert!(first.exists() && second.exists());

        // Files that are gone leave copies that go by their name.
        fs::remove_file(&file).unwrap();
        assert_eq!(store.remove_packed_by_name("another.gguf").unwrap(), 0);
        assert_eq!(store.remove_packed_by_name("model.gguf").unwrap(), 30);
        assert!(!first.exists() && !second.exists());
    }

    #[test]
    fn a_copy_that_is_broken_off_leaves_nothing() {
        struct Stops;
        impl Progress for Stops {
            fn advance(&mut self, _: Phase, _: u64, _: Option<u64>) -> crate::progress::Flow {
                std::ops::ControlFlow::Break(())
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path().join("store"))).unwrap();
        let file = folder.path().join("model.gguf");
        fs::write(&file, "some weights").unwrap();
        let model = crate::model::in_place(&file).unwrap();
        let stopped = store.keep_packed(&model, &key, b"packed weights", &mut Stops);
        assert!(matches!(stopped, Err(StoreError::Stopped)));
        assert_eq!(fs::read_dir(folder.path().join("store/packed")).unwrap().count(), 0);
        assert_eq!(store.packed(&model, &key, Check::Changed, &mut ()).unwrap(), None);
    }
}
