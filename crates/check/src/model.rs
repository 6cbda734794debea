//! A model from a file, on a device, and what is done with it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hefu_engine::scheduler::{Event, Job, Limits, Paged, Scheduler};
use hefu_model::gguf::Gguf;
use hefu_model::{LoadOptions, ModelFiles, ModelSpec};
use hefu_numerics::device::{Device, Model};
use hefu_numerics::kv::PAGE;
use hefu_proof::FingerprintInput;

/// Positions of a prompt that are computed at once.
pub(crate) const CHUNK: usize = 64;

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

/// Lets a job run to its end, with a trace of it if that is wanted. `take` is given every event.
///
/// # Errors
/// That memory is short, a job that cannot be carried out, or what `take` returns.
pub(crate) fn carry_out(
    model: &Model,
    job: Job,
    capacity: usize,
    traced: bool,
    take: &mut dyn FnMut(Event) -> Result<(), String>,
) -> Result<(), String> {
    let paged = if traced { Paged::traced } else { Paged::new };
    let paged = paged(model, capacity, capacity.div_ceil(PAGE), 1).map_err(|error| error.to_string())?;
    let limits = Limits { step_tokens: CHUNK, prefix_reuse: false, ..Limits::default() };
    let mut scheduler = Scheduler::new(paged, limits);
    scheduler.submit(job, Duration::ZERO).map_err(|refusal| refusal.to_string())?;
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            match update.event {
                Event::Failed(failure) => return Err(failure.to_string()),
                event => take(event)?,
            }
        }
    }
    Ok(())
}

/// The fingerprint of answers of a model in a file with this digest.
///
/// # Errors
/// Whatever is wrong with the file.
pub(crate) fn fingerprint(gguf: &Gguf<'_>, digest: &str, options: &LoadOptions) -> Result<String, String> {
    let spec = ModelSpec::read(gguf, options).map_err(|error| error.to_string())?;
    let input = FingerprintInput {
        contract: hefu_numerics::CONTRACT_VERSION,
        files: vec![digest.to_owned()],
        cache: options.cache.name(),
        variants: spec.program.variants.clone(),
    };
    Ok(input.fingerprint().to_string())
}

/// Threads to compute with: one where the system has none.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
