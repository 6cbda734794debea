//! The store as its users see it: list, resolve, pull, verify, remove.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::Catalogue;
use crate::digest::Digest;
use crate::error::StoreError;
use crate::layout::{self, Layout};
use crate::lock::Lock;
use crate::manifest::{Manifest, ManifestFile};
use crate::model::{
    Listing, ModelFile, Removed, Resolution, ResolvedModel, checkpoint, gguf_files, in_place, is_checkpoint,
};
use crate::name::{self, ModelName};
use crate::partial;
use crate::progress::{Meter, Notice, Phase, Progress};
use crate::source;
use crate::stamp::{Check, Notes, Stamp, hash_file};

/// A folder of verified models.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Layout,
    catalogue: Catalogue,
}

impl Store {
    /// The store in the given folder, else in `HEFU_HOME`, else in the folder `hefu` of the platform's cache folder,
    /// with the built-in catalogue. Nothing is created until something is pulled.
    ///
    /// # Errors
    /// [`StoreError::Catalogue`] if the built-in catalogue is malformed.
    pub fn open(root: Option<PathBuf>) -> Result<Self, StoreError> {
        Ok(Self::with_catalogue(root, Catalogue::built_in()?))
    }

    /// Like [`Store::open`] with another catalogue.
    pub fn with_catalogue(root: Option<PathBuf>, catalogue: Catalogue) -> Self {
        Self { layout: Layout::find(root), catalogue }
    }

    /// The store's folder.
    ///
    /// # Errors
    /// [`StoreError::NoCacheFolder`] if no folder is known. Models are then only used where they lie.
    pub fn root(&self) -> Result<&Path, StoreError> {
        self.layout.root()
    }

    /// The models that can be pulled by name.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Every model of the store. A manifest that is malformed or whose files are gone is a problem in the list, not
    /// an error; one that disappears meanwhile is left out.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the folder of manifests cannot be read.
    pub fn list(&self) -> Result<Listing, StoreError> {
        let mut listing = Listing::default();
        for name in self.names()? {
            let read = name.and_then(|name| Ok((Manifest::read(&self.layout, &name)?, name)));
            let model =
                read.and_then(|(manifest, name)| manifest.map(|manifest| self.stored(&name, manifest)).transpose());
            match model {
                Ok(Some(model)) => listing.models.push(model),
                Ok(None) => {}
                Err(problem) => listing.problems.push(problem),
            }
        }
        listing.models.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(listing)
    }

    /// Model of a name, short name or path, in this order: a model of the store, one of the catalogue, an
    /// existing file. Any file of a split model stands for all of them, which must lie beside it.
    ///
    /// # Errors
    /// [`StoreError::UnknownModel`] with the nearest names; [`StoreError::NoSuchFile`]; [`StoreError::NotAFile`]; [`StoreError::Folder`]; [`StoreError::MissingShard`];
    /// [`StoreError::MissingFile`] or [`StoreError::Manifest`] if the stored model is damaged.
    pub fn resolve(&self, name_or_path: &str) -> Result<Resolution, StoreError> {
        let of_catalogue = self.catalogue.find(name_or_path);
        if let Some(name) = self.name_of(name_or_path)
            && let Some(manifest) = Manifest::read(&self.layout, &name)?
        {
            return self.stored(&name, manifest).map(Resolution::Ready);
        }
        if let Some(model) = of_catalogue {
            return Ok(Resolution::NotPulled(model.clone()));
        }
        match fs::metadata(name_or_path) {
            Ok(metadata) if metadata.is_file() => in_place(Path::new(name_or_path)).map(Resolution::Ready),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(StoreError::io("read", name_or_path, error))
            }
            Ok(_) if is_checkpoint(Path::new(name_or_path)) => {
                checkpoint(Path::new(name_or_path)).map(Resolution::Ready)
            }
            _ => Err(self.no_file(name_or_path)),
        }
    }

    /// The error for a name or path that is no file: a folder, a device, a path that leads nowhere, or a name that nothing has.
    pub(crate) fn no_file(&self, name_or_path: &str) -> StoreError {
        let path = Path::new(name_or_path);
        if path.is_dir() {
            return StoreError::Folder { path: path.into(), files: gguf_files(path) };
        }
        if path.exists() && !path.is_file() {
            return StoreError::NotAFile { path: path.into() };
        }
        match name_or_path.contains(['/', '\\']) || name_or_path.to_ascii_lowercase().ends_with(".gguf") {
            true => StoreError::NoSuchFile { path: path.into() },
            false => self.unknown(name_or_path),
        }
    }

    /// True if a text names a source elsewhere, to be pulled: no name of a model, and no path.
    pub fn is_remote(text: &str) -> bool {
        source::is_remote(text)
    }

    /// Removes a model, its files unless another model has them too, and what an unfinished pull of it left.
    ///
    /// # Errors
    /// [`StoreError::NotPulled`] or [`StoreError::UnknownModel`] if there is nothing to remove; [`StoreError::Busy`]
    /// while it is being pulled.
    pub fn remove(&self, name: &str) -> Result<Removed, StoreError> {
        let model_name = self.name_of(name).ok_or_else(|| self.unknown(name))?;
        self.layout.create()?;
        let busy = self.layout.lock(&format!("model-{model_name}"));
        let _model = Lock::try_take(&busy)?.ok_or_else(|| StoreError::Busy(model_name.to_string()))?;
        let _store = self.lock()?;
        let path = self.layout.manifest(&model_name);
        let manifest = match Manifest::read(&self.layout, &model_name) {
            // A malformed manifest can be removed too; its files are not known.
            Err(StoreError::Manifest { .. }) => Some(Manifest::new(&model_name, Vec::new())),
            read => read?,
        };
        let mut freed = self.remove_partial(name)?;
        match manifest {
            Some(manifest) => {
                layout::remove_if_there(&path)?;
                freed += self.remove_unused_blobs(&manifest)?;
            }
            None if freed > 0 => {}
            None if self.catalogue.find(name).is_some() => {
                return Err(StoreError::NotPulled(model_name.to_string()));
            }
            None => return Err(self.unknown(name)),
        }
        let name = model_name.to_string();
        Ok(Removed { name, freed })
    }

    /// Makes sure that the files of a model still are what was pulled, as carefully as `check` says; of files used where
    /// they lie, that they read as before. Bytes are read only where that is needed.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for the first file that is not what was pulled.
    pub fn check(&self, model: &ResolvedModel, check: Check, progress: &mut dyn Progress) -> Result<(), StoreError> {
        let mut meter = Meter::new(progress, Some(model.size()));
        for file in &model.files {
            let is_read = match check {
                Check::Never => false,
                Check::Changed => file.sha256.is_some(),
                Check::Always => true,
            };
            if is_read {
                let found = self.notes().digest_checked(&file.path, check, &mut meter)?;
                damage(&model.name, file, found).map_or(Ok(()), Err)?;
            }
            meter.base = meter.base.saturating_add(file.size);
        }
        Ok(())
    }

    /// Notes about files, stored ones and others.
    pub fn notes(&self) -> Notes {
        self.layout.root().map_or_else(|_| Notes::none(), |_| Notes::within(self.layout.digests()))
    }

    /// Hashes every file of a stored model again.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] for the first file that is not what was pulled.
    pub fn verify(&self, name: &str, progress: &mut dyn Progress) -> Result<ResolvedModel, StoreError> {
        let model = match self.name_of(name) {
            Some(stored) => match Manifest::read(&self.layout, &stored)? {
                Some(manifest) => self.stored(&stored, manifest)?,
                None if self.catalogue.find(name).is_some() => {
                    return Err(StoreError::NotPulled(stored.to_string()));
                }
                None => return Err(self.unknown(name)),
            },
            None => return Err(self.unknown(name)),
        };
        let mut meter = Meter::new(progress, Some(model.size()));
        for file in &model.files {
            let found = hash_file(&file.path, &mut meter)?;
            if let Some(error) = damage(&model.name, file, found) {
                return Err(error);
            }
            meter.base = meter.base.saturating_add(file.size);
        }
        Ok(model)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The lock under which manifests are written and blobs removed; held for moments only.
    pub(crate) fn lock(&self) -> Result<Lock, StoreError> {
        Lock::wait(&self.layout.lock("store"), || Ok(()))
    }

    /// Takes a lock for work on a file, telling the caller once if that takes waiting.
    pub(crate) fn wait_for_lock(&self, key: &str, file: &str, meter: &mut Meter<'_>) -> Result<Lock, StoreError> {
        self.layout.create()?;
        let mut told = false;
        Lock::wait(&self.layout.lock(key), || {
            if !told {
                let file = file.to_owned();
                meter.notice(Notice::WaitingForOther { file });
                told = true;
            }
            meter.advance(Phase::Waiting, 0)
        })
    }

    /// The name that a name or short name has in the store, if it can be one.
    fn name_of(&self, name: &str) -> Option<ModelName> {
        let canonical = self.catalogue.find(name).map_or(name, |model| model.name.as_str());
        ModelName::parse(canonical).ok()
    }

    /// The error for a name that stands for nothing.
    pub(crate) fn unknown(&self, name: &str) -> StoreError {
        let stored: Vec<ModelName> = self.names().into_iter().flatten().flatten().collect();
        let known = self.catalogue.names().chain(stored.iter().map(ModelName::as_str));
        StoreError::UnknownModel { name: name.to_owned(), nearest: name::nearest(name, known) }
    }

    /// The stored model of a manifest, provided that its files have their lengths.
    pub(crate) fn stored(&self, name: &ModelName, manifest: Manifest) -> Result<ResolvedModel, StoreError> {
        let file = |file: ManifestFile| {
            let path = self.layout.blob(&file.sha256);
            match fs::metadata(&path) {
                Ok(metadata) if metadata.len() == file.size => Ok(ModelFile {
                    path,
                    size: file.size,
                    sha256: Some(file.sha256),
                    source: Some(file.source),
                    stamp: Stamp::from(&metadata),
                }),
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::io("read", &path, error)),
                _ => Err(StoreError::MissingFile { model: name.to_string(), path }),
            }
        };
        Ok(ResolvedModel {
            name: name.to_string(),
            files: manifest.files.into_iter().map(file).collect::<Result<_, _>>()?,
            licence: manifest.licence,
            description: manifest.description,
        })
    }

    /// Removes the blobs of a manifest that no model has any more; the caller holds the store's lock. Returns the
    /// bytes freed.
    pub(crate) fn remove_unused_blobs(&self, manifest: &Manifest) -> Result<u64, StoreError> {
        let mut used = HashSet::new();
        for name in self.names()?.into_iter().flatten() {
            if let Ok(Some(other)) = Manifest::read(&self.layout, &name) {
                used.extend(other.files.iter().map(|file| file.sha256));
            }
        }
        let mut freed = 0;
        for digest in manifest.files.iter().map(|file| file.sha256) {
            let blob = self.layout.blob(&digest);
            if used.insert(digest) {
                freed += fs::metadata(&blob).map_or(0, |metadata| metadata.len());
                self.notes().forget(&blob);
                layout::remove_if_there(&blob)?;
            }
        }
        Ok(freed)
    }

    /// Removes what an unfinished pull of a model left. Returns the bytes freed.
    fn remove_partial(&self, name: &str) -> Result<u64, StoreError> {
        let mut freed = 0;
        let files = self.catalogue.find(name).map(|model| model.files.as_slice());
        let of_catalogue = files.unwrap_or_default().iter().map(|file| file.sha256.to_string());
        let of_sources = partial::keys_of(&self.layout, &name.to_ascii_lowercase());
        let keys: HashSet<String> = of_catalogue.chain(of_sources).collect();
        for key in keys {
            let Some(_lock) = Lock::try_take(&self.layout.lock(&key))? else {
                return Err(StoreError::Busy(name.to_owned()));
            };
            let path = self.layout.partial().join(format!("{key}.part"));
            freed += fs::metadata(&path).map_or(0, |metadata| metadata.len());
            layout::remove_if_there(&path)?;
            layout::remove_if_there(&path.with_extension("json"))?;
            layout::remove_folder_if_there(&path.with_extension("pip"))?;
        }
        Ok(freed)
    }

    /// The names of all manifests; an entry that cannot be the name of a model is an error of its own.
    fn names(&self) -> Result<Vec<Result<ModelName, StoreError>>, StoreError> {
        let folder = self.layout.models();
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StoreError::io("read", &folder, error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| StoreError::io("read", &folder, error))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                names.push(ModelName::parse(&stem));
            }
        }
        Ok(names)
    }
}

/// The error about a stored file with other bytes than those that were pulled.
fn damage(model: &str, file: &ModelFile, found: Digest) -> Option<StoreError> {
    let expected = file.sha256.filter(|expected| *expected != found)?;
    Some(StoreError::Damaged { model: model.to_owned(), path: file.path.clone(), expected, found })
}
