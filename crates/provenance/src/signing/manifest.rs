//! The files of a model and their digests.

use super::Error;
use super::key::hex;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::{Component, Path};

/// Files that belong to version control and not to a model; they are never signed.
pub(super) const GIT_PATHS: &[&str] = &[".git", ".gitattributes", ".github", ".gitignore"];

/// Most files of a model's folder.
pub(super) const MAX_FILES: usize = 100_000;

/// Bytes that are hashed at once.
const READ_AT_ONCE: usize = 1 << 20;

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Its path in the model's folder, with slashes; a dot if the model is a single file.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
}

/// All files of a model, in the order of their paths, part by part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The model's own name; it says nothing about the files.
    pub model: String,
    /// The files.
    pub resources: Vec<Resource>,
}

/// Subject of a signature.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A file, or a folder with everything in it.
    Path(&'a Path),
    /// Some files of a folder, whatever else lies there: the parts of a model that is split.
    Files {
        /// The folder.
        folder: &'a Path,
        /// The files' names.
        names: &'a [String],
    },
}

impl Manifest {
    /// The files of a subject, without those `ignored` if it is a whole folder.
    ///
    /// # Errors
    /// As [`Manifest::of`].
    pub(super) fn of_subject(subject: Subject<'_>, ignored: &[String]) -> Result<Self, Error> {
        let (folder, names) = match subject {
            Subject::Path(path) => return Self::of(path, ignored),
            Subject::Files { folder, names } => (folder, names),
        };
        let mut names = names.to_vec();
        names.sort();
        let resources = names.into_iter().map(|name| {
            let path = folder.join(&name);
            kind(&path)?;
            Ok(Resource { digest: digest(&path)?, name })
        });
        Ok(Self { model: own_name(folder), resources: resources.collect::<Result<_, Error>>()? })
    }

    /// Reads and hashes a file, or every file of a folder but those `ignored` (paths in the folder, with slashes; of a
    /// folder, everything in it).
    ///
    /// # Errors
    /// Files that cannot be read, symbolic links, names that are not UTF-8, too many files.
    pub fn of(model: &Path, ignored: &[String]) -> Result<Self, Error> {
        let mut names = Vec::new();
        if kind(model)?.is_dir() {
            walk(model, "", ignored, &mut names)?;
        } else {
            names.push(".".to_owned());
        }
        names.sort_by(|a, b| a.split('/').cmp(b.split('/')));
        let file = |name: &str| if name == "." { model.to_owned() } else { model.join(name) };
        let resources = names.into_iter().map(|name| Ok(Resource { digest: digest(&file(&name))?, name }));
        Ok(Self { model: own_name(model), resources: resources.collect::<Result<_, Error>>()? })
    }

    /// SHA-256 over the digests of all files, in order.
    pub fn root(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        self.resources.iter().for_each(|resource| hasher.update(resource.digest));
        hasher.finalize().into()
    }

    /// Checks that `found` has the same files with the same bytes; the model's own name does not count.
    ///
    /// # Errors
    /// The first difference.
    pub(super) fn equals(&self, found: &Self) -> Result<(), Error> {
        // A model of one file is signed as a dot, whatever its file is called.
        let shown = |name: &str| if name == "." { found.model.clone() } else { name.to_owned() };
        let same = |name: &str, list: &Self| list.resources.iter().position(|resource| resource.name == name);
        for signed in &self.resources {
            match same(&signed.name, found).and_then(|at| found.resources.get(at)) {
                None => return Err(Error::Missing(shown(&signed.name))),
                Some(now) if now.digest != signed.digest => {
                    let (name, found) = (shown(&signed.name), hex(&now.digest));
                    return Err(Error::Changed { name, found, signed: hex(&signed.digest) });
                }
                Some(_) => {}
            }
        }
        match found.resources.iter().find(|now| same(&now.name, self).is_none()) {
            Some(extra) => Err(Error::Unsigned(shown(&extra.name))),
            None => Ok(()),
        }
    }
}

/// The path of `file` in the folder `model`, if it lies in it.
pub(super) fn inside(model: &Path, file: &Path) -> Option<String> {
    let folder = std::path::absolute(model).ok()?;
    let file = std::path::absolute(file).ok()?;
    let inner = file.strip_prefix(folder).ok()?;
    let parts: Option<Vec<&str>> = inner.components().map(|part| part.as_os_str().to_str()).collect();
    parts.filter(|parts| !parts.is_empty()).map(|parts| parts.join("/"))
}

fn fault(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    |error| Error::Read { path: path.to_owned(), reason: error.to_string() }
}

fn kind(path: &Path) -> Result<std::fs::FileType, Error> {
    let kind = std::fs::symlink_metadata(path).map_err(fault(path))?.file_type();
    if kind.is_symlink() { Err(Error::SymbolicLink(path.to_owned())) } else { Ok(kind) }
}

fn own_name(model: &Path) -> String {
    let absolute = std::path::absolute(model).unwrap_or_else(|_| model.to_owned());
    let last = absolute.components().rfind(|part| matches!(part, Component::Normal(_)));
    last.map(|part| part.as_os_str().to_string_lossy().into_owned()).unwrap_or_default()
}

fn walk(folder: &Path, prefix: &str, ignored: &[String], names: &mut Vec<String>) -> Result<(), Error> {
    for entry in std::fs::read_dir(folder).map_err(fault(folder))? {
        let path = entry.map_err(fault(folder))?.path();
        let last = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| Error::Name(path.clone()))?;
        let name = format!("{prefix}{last}");
        if ignored.contains(&name) {
            continue;
        }
        if kind(&path)?.is_dir() {
            walk(&path, &format!("{name}/"), ignored, names)?;
        } else if names.len() < MAX_FILES {
            names.push(name);
        } else {
            return Err(Error::TooMany { path: folder.to_owned(), limit: MAX_FILES });
        }
    }
    Ok(())
}

fn digest(path: &Path) -> Result<[u8; 32], Error> {
    let mut file = File::open(path).map_err(fault(path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; READ_AT_ONCE];
    loop {
        match file.read(&mut buffer).map_err(fault(path))? {
            0 => return Ok(hasher.finalize().into()),
            length => hasher.update(buffer.get(..length).unwrap_or_default()),
        }
    }
}
