//! Signatures of models as the program uses them: what is signed under a name, and where its signature lies.

use crate::failure::Failure;
use hefu_provenance::signing::{self, Manifest, PublicKey, Subject};
use hefu_store::ResolvedModel;
use std::path::{Path, PathBuf};

/// A model whose files are to be signed or checked.
#[derive(Debug)]
pub(crate) struct Signed {
    /// A file or a folder, or the folder of several files.
    path: PathBuf,
    /// The files in that folder; empty for a subject that is one path.
    names: Vec<String>,
    /// Default place of the signature.
    pub(crate) signature: PathBuf,
}

impl Signed {
    /// A folder with everything in it. Its signature lies inside.
    pub(crate) fn folder(path: &Path) -> Self {
        Self { path: path.to_owned(), names: Vec::new(), signature: path.join("model.sig") }
    }

    /// The files of a model. The signature lies beside the first.
    ///
    /// # Errors
    /// If they lie in several folders, or their names are not UTF-8.
    pub(crate) fn model(model: &ResolvedModel) -> Result<Self, Failure> {
        let paths = model.paths();
        let Some(first) = paths.first() else {
            return Err(Failure::Other(format!("{} has no files", model.name)));
        };
        let mut signature = first.as_os_str().to_owned();
        signature.push(".sig");
        let signature = PathBuf::from(signature);
        if paths.len() == 1 {
            return Ok(Self { path: first.to_path_buf(), names: Vec::new(), signature });
        }
        let folder = first.parent().unwrap_or_else(|| Path::new("."));
        let name = |path: &&Path| {
            let name = path.file_name().and_then(|name| name.to_str()).map(ToOwned::to_owned);
            name.filter(|_| path.parent().unwrap_or_else(|| Path::new(".")) == folder)
        };
        let names: Option<Vec<String>> = paths.iter().map(name).collect();
        let names = names.ok_or_else(|| {
            Failure::Other(format!(
                "the files of {} do not lie in one folder, so they cannot be signed together",
                model.name
            ))
        })?;
        Ok(Self { path: folder.to_owned(), names, signature })
    }

    /// The subject that is signed.
    pub(crate) fn subject(&self) -> Subject<'_> {
        if self.names.is_empty() {
            Subject::Path(&self.path)
        } else {
            Subject::Files { folder: &self.path, names: &self.names }
        }
    }

    /// Checks the model against the signature at `signature`.
    ///
    /// # Errors
    /// Whatever is wrong with the signature or the files.
    pub(crate) fn verify(&self, signature: &Path, key: &PublicKey) -> Result<Manifest, Failure> {
        // A subject of one path is called `.` in its signature; people call it by its path.
        let fault = |error: signing::Error| {
            let error = match error {
                signing::Error::Changed { name, found, signed } if name == "." => {
                    signing::Error::Changed { name: self.path.display().to_string(), found, signed }
                }
                other => other,
            };
            Failure::Other(error.to_string())
        };
        let text = signing::read(signature).map_err(fault)?;
        signing::verify(self.subject(), &text, key).map_err(fault)
    }
}

/// Reads a public key.
///
/// # Errors
/// If the file cannot be read or is no such key.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    let text = crate::output::text_file(path)?;
    PublicKey::from_pem(&text).map_err(|error| Failure::Other(format!("{}: {error}", path.display())))
}
