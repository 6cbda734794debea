//! Manifests: the small JSON file that makes verified blobs a model with a name.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::StoreError;
use crate::layout::{self, Layout};
use crate::name::{self, ModelName};

/// The version of the form written by this program.
const VERSION: u32 = 1;

/// Entry of one model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) version: u32,
    pub(crate) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) licence: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) files: Vec<ManifestFile>,
}

/// One file of a model: its bytes are the blob of this digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ManifestFile {
    pub(crate) name: String,
    pub(crate) size: u64,
    pub(crate) sha256: Digest,
    /// Source of the bytes, as written.
    pub(crate) source: String,
}

impl Manifest {
    pub(crate) fn new(name: &ModelName, files: Vec<ManifestFile>) -> Self {
        Self { version: VERSION, name: name.to_string(), licence: None, description: None, files }
    }

    /// Reads the manifest of a model; `None` if there is none.
    pub(crate) fn read(layout: &Layout, name: &ModelName) -> Result<Option<Self>, StoreError> {
        let path = layout.manifest(name);
        match layout::read_small(&path) {
            Ok(bytes) => Self::parse(&bytes, name, &path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StoreError::io("read", &path, error)),
        }
    }

    fn parse(bytes: &[u8], name: &ModelName, path: &Path) -> Result<Self, StoreError> {
        let malformed = |reason: String| StoreError::Manifest { path: path.to_path_buf(), reason };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
        let files = &manifest.files;
        if manifest.version != VERSION {
            let version = manifest.version;
            Err(malformed(format!("it is of version {version}, not {VERSION}")))
        } else if manifest.name != name.as_str() {
            Err(malformed(format!("it says that its name is `{}`", manifest.name)))
        } else if files.is_empty() {
            Err(malformed("it lists no files".to_owned()))
        } else if let Some(file) = files.iter().find(|file| !name::is_file_name(&file.name)) {
            Err(malformed(format!("`{}` cannot be a file name", file.name)))
        } else {
            Ok(manifest)
        }
    }

    /// Writes the manifest by rename, which makes the model visible.
    pub(crate) fn write(&self, layout: &Layout, name: &ModelName) -> Result<(), StoreError> {
        let path = layout.manifest(name);
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|error| StoreError::io("write", &path, error.into()))?;
        bytes.push(b'\n');
        layout::write_whole(&path, &bytes)
    }
}
