//! The fingerprint of a model's files.

use crate::digests;
use crate::failure::Failure;
use hefu_numerics::program::Program;
use hefu_proof::FingerprintInput;
use hefu_store::{ModelFile, ResolvedModel};

/// Parts of the fingerprint of a model that runs this program. Files outside the store are hashed unless that was
/// done before.
///
/// # Errors
/// If such a file cannot be read.
pub(crate) fn input(model: &ResolvedModel, program: &Program) -> Result<FingerprintInput, Failure> {
    let files = model.files.iter().map(digest).collect::<Result<Vec<_>, _>>()?;
    let (cache, variants) = (program.profile.name(), program.variants.clone());
    Ok(FingerprintInput { contract: hefu_numerics::CONTRACT_VERSION, files, cache, variants })
}

/// Identity of a model's files: their digests, in order.
///
/// # Errors
/// As [`input`].
pub(crate) fn identity(model: &ResolvedModel) -> Result<String, Failure> {
    Ok(model.files.iter().map(digest).collect::<Result<Vec<_>, _>>()?.join(" "))
}

/// SHA-256 of a file in hexadecimal: of a stored one as it was checked when the model was found, of another as noted
/// before, or else taken now.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(file: &ModelFile) -> Result<String, Failure> {
    file.sha256.map_or_else(|| digests::of_file(&file.path), |known| Ok(known.to_string()))
}
