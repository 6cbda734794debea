//! Models as the store hands them out, and files used where they lie.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::catalogue::CatalogueModel;
use crate::digest::Digest;
use crate::error::StoreError;
use crate::name;
use crate::stamp::Stamp;

/// Most files of a folder that are named to somebody who named the folder.
const MOST_NAMED: usize = 3;

/// A model that is ready to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedModel {
    /// Its name in the store, or the file's own name if it is used where it lies.
    pub name: String,
    /// Its files in order; more than one if it is split.
    pub files: Vec<ModelFile>,
    /// Its licence, if known.
    pub licence: Option<String>,
    /// One line about it, if known.
    pub description: Option<String>,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFile {
    /// Its path.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size: u64,
    /// Its digest as checked when it was pulled; `None` for a file used where it lies.
    pub sha256: Option<Digest>,
    /// Where it came from; `None` for a file used where it lies.
    pub source: Option<String>,
    /// Its stamp when it was found.
    pub stamp: Stamp,
}

impl ResolvedModel {
    /// The paths of its files in order.
    pub fn paths(&self) -> Vec<&Path> {
        self.files.iter().map(|file| file.path.as_path()).collect()
    }

    /// Bytes of all its files.
    pub fn size(&self) -> u64 {
        self.files.iter().map(|file| file.size).sum()
    }

    /// Checks that every file is as it was when the model was found: what was checked then still holds.
    ///
    /// # Errors
    /// [`StoreError::InMotion`] for the first file that is not.
    pub fn still_is(&self) -> Result<(), StoreError> {
        let moved = self.files.iter().find(|file| Stamp::of(&file.path).ok().as_ref() != Some(&file.stamp));
        moved.map_or(Ok(()), |file| Err(StoreError::InMotion { path: file.path.clone() }))
    }
}

/// Model that a name or path means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// A model of the store, or files used where they lie.
    Ready(ResolvedModel),
    /// A model of the catalogue that has to be pulled first.
    NotPulled(CatalogueModel),
}

/// The models of the store.
#[derive(Debug, Default)]
pub struct Listing {
    /// Those that are whole, by name.
    pub models: Vec<ResolvedModel>,
    /// Faults of the others.
    pub problems: Vec<StoreError>,
}

/// Result of a removal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The model's name.
    pub name: String,
    /// Bytes that are free again; those shared with another model stay.
    pub freed: u64,
}

/// Names of some GGUF files in a folder.
pub(crate) fn gguf_files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.to_ascii_lowercase().ends_with(".gguf")).collect();
    names.sort();
    names.truncate(MOST_NAMED);
    names
}

/// The file of a folder of the hub that says what the model is, and others that are read where they are there.
const CONFIG: &str = "config.json";
const BESIDE: &[&str] = &["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"];

/// Files of weights in a folder at most.
const MOST_WEIGHTS: usize = 1024;

/// True if a folder holds a model as the hub has it.
pub(crate) fn is_checkpoint(folder: &Path) -> bool {
    folder.join(CONFIG).is_file() && !weights(folder).is_empty()
}

/// The files of such a folder, used where they lie: what the model is, then its weights.
pub(crate) fn checkpoint(folder: &Path) -> Result<ResolvedModel, StoreError> {
    let beside = BESIDE.iter().map(|name| folder.join(name)).filter(|path| path.is_file());
    let paths = std::iter::once(folder.join(CONFIG)).chain(beside).chain(weights(folder));
    // `.` and the like have no name of their own.
    let whole = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
    Ok(ResolvedModel {
        name: whole.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        files: paths.map(in_place_file).collect::<Result<_, _>>()?,
        licence: None,
        description: None,
    })
}

/// A folder's files of weights, by name; those of one file that has all are meant where there are both.
fn weights(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect();
    paths.sort();
    paths.truncate(MOST_WEIGHTS);
    paths
}

/// A file, or the files of a split model, used where they lie.
pub(crate) fn in_place(path: &Path) -> Result<ResolvedModel, StoreError> {
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let paths = match name::shard_names(&file_name) {
        Some(shards) => shards.iter().map(|shard| path.with_file_name(shard)).collect(),
        None => vec![path.to_path_buf()],
    };
    Ok(ResolvedModel {
        name: file_name.into_owned(),
        files: paths.into_iter().map(in_place_file).collect::<Result<_, _>>()?,
        licence: None,
        description: None,
    })
}

fn in_place_file(path: PathBuf) -> Result<ModelFile, StoreError> {
    match fs::metadata(&path) {
        Ok(metadata) => {
            Ok(ModelFile { path, size: metadata.len(), sha256: None, source: None, stamp: Stamp::from(&metadata) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::MissingShard { path }),
        Err(error) => Err(StoreError::io("read", &path, error)),
    }
}
