//! Packed copies of weights beside the store: found when a model is loaded, written by `hefu pack`.

use crate::failure::Failure;
use crate::models::{Doubt, Watcher, open_store};
use crate::progress::line;
use hefu_cpu::Mapping;
use hefu_numerics::device::Device;
use hefu_numerics::matrix::Bytes;
use hefu_numerics::program::Program;
use hefu_store::{Check, Digest, ResolvedModel};
use std::sync::Arc;

/// The packed copy of a model's weights for this device, if there is one. One that cannot be used is said and passed over:
/// everything that it holds can be made of the model's own files.
pub(crate) fn find(model: &ResolvedModel, device: &dyn Device, program: &Program, check: Check) -> Option<Bytes> {
    let layout = device.image_key(program)?;
    let store = open_store().ok()?;
    let found = store.packed(model, &|files| key(&layout, files), check, &mut Watcher::new(Doubt::Fetch));
    let mapped = found.map_err(Failure::from).and_then(|path| {
        let map = |path: std::path::PathBuf| Mapping::open_for_use(&path);
        path.map(map).transpose().map_err(|error| Failure::Other(error.to_string()))
    });
    match mapped {
        Ok(mapping) => mapping.map(|mapping| Arc::new(mapping) as Bytes),
        Err(failure) => {
            line(&format!("hefu: weights are packed anew: {failure}"));
            None
        }
    }
}

/// Writes a packed copy of a model's weights.
///
/// # Errors
/// If they cannot be written, or the device has no piece of memory that holds them all.
pub(crate) fn keep(model: &ResolvedModel, device: &dyn Device, program: &Program, image: &[u8]) -> Result<(), Failure> {
    let layout = device.image_key(program).unwrap_or_default();
    let store = open_store()?;
    store.keep_packed(model, &|files| key(&layout, files), image, &mut Watcher::new(Doubt::Fetch))?;
    Ok(())
}

fn key(layout: &str, files: &[Digest]) -> Digest {
    let files: Vec<String> = files.iter().map(Digest::to_string).collect();
    Digest::of(format!("{layout}{}\n", files.join(" ")).as_bytes())
}
