//! A part of a model, served to a head on another machine.

use crate::failure::Failure;
use crate::fingerprint;
use crate::load::load_weights;
use crate::memory::available_memory;
use crate::models;
use crate::network::cannot_listen;
use crate::open::{MappedModel, device};
use crate::options::{DeviceName, DeviceOptions, ModelChoice, Place};
use crate::progress::line;
use crate::units;
use hefu_cpu::Pool;
use hefu_model::{LoadOptions, ModelSpec};
use hefu_numerics::conformance;
use hefu_numerics::device::{Device, Footprint, Model};
use hefu_numerics::kv::Profile;
use hefu_numerics::program::Program;
use hefu_remote::{Host, Part, Spec};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// A model on this machine, of which others may ask for layers.
struct ModelHost {
    files: MappedModel,
    identity: String,
    device: Arc<dyn Device>,
    /// True if the device's memory is that of the machine.
    on_host: bool,
    /// Whether what happens is said on standard error.
    says: bool,
}

/// Serves layers of a model at an address. The device is examined first: whoever is told a number cannot see where it is from.
///
/// # Errors
/// A model that cannot be had, a device that does not conform, or an address that cannot be listened at.
pub(crate) fn start(
    choice: ModelChoice<'_>,
    options: &DeviceOptions,
    listen: SocketAddr,
    says: bool,
) -> Result<Part, Failure> {
    if options.is_split() {
        return Err(Failure::Usage("a part is on one device; leave --split out".to_owned()));
    }
    let key = options.part_key.read()?;
    let device = device(options, &Arc::new(Pool::new(options.threads)))?;
    let deviations = conformance::deviations(&*device).map_err(|error| Failure::Other(error.to_string()))?;
    if let Some(first) = deviations.first() {
        let sentence =
            format!("this machine does not compute what the numeric contract says, so no part is served: {first}");
        return Err(Failure::Other(sentence));
    }
    let files = MappedModel::new(models::find(choice)?)?;
    files.gguf()?;
    let identity = fingerprint::identity(&files.model)?;
    let failed = |error: std::io::Error| Failure::Other(cannot_listen(listen, &error));
    let listener = TcpListener::bind(listen).map_err(failed)?;
    let on_host = options.place == Place::On(DeviceName::Cpu);
    let host = ModelHost { files, identity, device, on_host, says };
    Part::start(listener, key, Arc::new(host))
        .map_err(|error| Failure::Usage(format!("{error}; give it one with --part-key")))
}

/// Bytes of the weights of every layer, as the files have them.
///
/// # Errors
/// A model that cannot be had or read.
pub(crate) fn layer_bytes(choice: ModelChoice<'_>) -> Result<Vec<u64>, Failure> {
    let files = MappedModel::new(models::find(choice)?)?;
    let gguf = files.gguf()?;
    let spec = ModelSpec::read_any(&gguf, &LoadOptions::default()).map_err(|error| files.fault(&error))?;
    Ok(hefu_split::layer_bytes(&spec.program))
}

impl Host for ModelHost {
    fn identity(&self) -> Result<String, String> {
        Ok(self.identity.clone())
    }

    fn program(&self, spec: &Spec) -> Result<Arc<Program>, String> {
        let cache = Profile::ALL.into_iter().find(|profile| profile.name() == spec.cache);
        let cache = cache.ok_or_else(|| format!("there is no cache of {:?}", spec.cache))?;
        let gguf = self.files.gguf().map_err(|failure| failure.to_string())?;
        let options = LoadOptions { context: Some(spec.context), cache, guessing: false };
        let whole = ModelSpec::read_any(&gguf, &options).map_err(|error| error.to_string())?;
        hefu_split::part_of(&whole.program, spec.first, spec.last, spec.heads).map_err(|error| error.to_string())
    }

    fn device(&self) -> &dyn Device {
        &*self.device
    }

    fn load(&self, program: &Arc<Program>) -> Result<Model, String> {
        let gguf = self.files.gguf().map_err(|failure| failure.to_string())?;
        load_weights(&self.files, &gguf, program, &self.device, None).map_err(|failure| failure.to_string())
    }

    fn room(&self, footprint: &Footprint) -> Result<(), String> {
        // A device judges its own memory itself.
        let available = available_memory().filter(|_| self.on_host).unwrap_or(u64::MAX);
        let needed = (footprint.weights as u64).saturating_add(footprint.states as u64);
        if needed <= available {
            return Ok(());
        }
        let (needed, available) = (units::bytes(needed), units::bytes(available));
        Err(format!("{needed} are needed for its layers, but only {available} of memory are available"))
    }

    fn note(&self, sentence: &str) {
        if self.says {
            line(&format!("hefu: {sentence}"));
        }
    }
}
