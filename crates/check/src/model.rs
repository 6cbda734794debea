//! A model from a file, on a device.

use std::path::Path;
use std::sync::Arc;

use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Device, Model};

/// A file's bytes.
///
/// # Errors
/// A sentence that names it.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, String> {
    std::fs::read(Path::new(path)).map_err(|error| format!("{path} cannot be read: {error}"))
}

/// The model in a file, its weights in the device's memory.
///
/// # Errors
/// Whatever is wrong with the file, or that memory is short.
pub(crate) fn load(gguf: &Gguf<'_>, options: &LoadOptions, device: Arc<dyn Device>) -> Result<Model, String> {
    let spec = ModelSpec::read_any(gguf, options).map_err(|error| error.to_string())?;
    let files = ModelFiles::new(gguf, &|_, _| ());
    Model::load(device, spec.program, &files).map_err(|error| error.to_string())
}
