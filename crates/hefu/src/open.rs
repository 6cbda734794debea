//! A model's files, mapped and parsed, before anything is loaded.

use crate::checkpoint::{CONFIG, Files, Image};
use crate::failure::Failure;
use crate::memory::total_memory;
use crate::metadata::{self, OfFile};
use crate::options::{DeviceName, DeviceOptions, Layers, PartPlace, Place};
use hefu_cpu::select::Isa;
use hefu_cpu::{Mapping, Pool};
use hefu_model::gguf::{Gguf, Outline};
use hefu_numerics::device::Device;
use hefu_numerics::team::{Alone, Team};
use hefu_opencl::{FoundDevice, Kind, OpenClDevice};
use hefu_remote::{Addresses, RemoteDevice};
use hefu_split::{AutoDevice, Candidate, SplitDevice};
use hefu_store::ResolvedModel;
use hefu_text::template::ChatTemplate;
use hefu_text::tokenizer::{Tokenizer, Vocabulary};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Bytes that are read to measure how fast a device reads.
pub(crate) const READ_BYTES: usize = 256 << 20;
/// Time for which a lost part is looked for at its addresses.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same where somebody places it again, who has to notice first that it was lost.
const PATIENCE_WHERE_ASKED: Duration = Duration::from_secs(300);

/// A model's files in the address space.
#[derive(Debug)]
pub(crate) struct MappedModel {
    /// Name, licence and digests.
    pub(crate) model: ResolvedModel,
    mappings: Vec<Mapping>,
    /// Of a folder: what stands in for a GGUF file.
    image: Option<Image>,
}

impl MappedModel {
    /// Maps every file of a model.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn new(model: ResolvedModel) -> Result<Self, Failure> {
        let mappings = model.paths().into_iter().map(Mapping::open).collect::<Result<_, _>>();
        let mappings: Vec<Mapping> = mappings.map_err(|error| Failure::Other(error.to_string()))?;
        let image = image(&model, &mappings)?;
        Ok(Self { model, mappings, image })
    }

    /// Parses the files; what comes back borrows from them.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub(crate) fn gguf(&self) -> Result<Gguf<'_>, Failure> {
        let gguf = match &self.image {
            Some(image) => {
                let made: &[u8] = &image.made;
                let others: Vec<&[u8]> = std::iter::once(made).chain(self.weights().map(Mapping::bytes)).collect();
                Gguf::assemble(&image.head, &others, &image.places)
            }
            None => Gguf::parse(&self.mappings.iter().map(Mapping::bytes).collect::<Vec<_>>()),
        };
        gguf.map_err(|error| self.fault(&error))
    }

    /// Outline of the files, whether or not they can be run.
    ///
    /// # Errors
    /// Files that are no GGUF, or damaged.
    pub(crate) fn outline(&self) -> Result<Outline<'_>, Failure> {
        let parts: Vec<&[u8]> = match &self.image {
            Some(image) => vec![&image.head],
            None => self.mappings.iter().map(Mapping::bytes).collect(),
        };
        Outline::parse(&parts).map_err(|error| self.fault(&error))
    }

    /// The mapping of one file, by the number that its tensors have.
    pub(crate) fn mapping(&self, index: usize) -> Option<&Mapping> {
        match &self.image {
            // The first is the table, the second what was made.
            Some(_) => self.weights().nth(index.checked_sub(2)?),
            None => self.mappings.get(index),
        }
    }

    /// The files of a folder that hold weights.
    fn weights(&self) -> impl Iterator<Item = &Mapping> {
        let pairs = self.model.files.iter().zip(&self.mappings);
        pairs.filter(|(file, _)| is_weights(&file_name(&file.path))).map(|(_, mapping)| mapping)
    }

    /// Lets go of the pages that hold metadata, the vocabulary above all: whoever reads it again brings them back.
    pub(crate) fn release_metadata(&self, gguf: &Gguf<'_>) {
        if self.image.is_some() {
            return;
        }
        for (shard, mapping) in self.mappings.iter().enumerate() {
            let tensors = gguf.tensors().iter().filter(|tensor| tensor.shard == shard);
            let end = tensors.map(|tensor| tensor.offset).min().unwrap_or(usize::MAX);
            mapping.release(0..end);
        }
    }

    /// The tokeniser that the files bring.
    ///
    /// # Errors
    /// Whatever is wrong with it, an unknown pre-tokeniser for example.
    pub(crate) fn tokenizer(&self, gguf: &Gguf<'_>) -> Result<Tokenizer, Failure> {
        let vocabulary = Vocabulary::from_metadata(&OfFile(gguf.metadata()));
        vocabulary.and_then(Tokenizer::new).map_err(|error| self.fault(&error))
    }

    /// The chat template: that of a file given by a person, else the model's own, else none.
    ///
    /// # Errors
    /// If it cannot be read or understood.
    pub(crate) fn template(
        &self,
        gguf: &Gguf<'_>,
        tokenizer: &Tokenizer,
        given: Option<&Path>,
    ) -> Result<Option<ChatTemplate>, Failure> {
        let read = given.map(crate::output::text_file).transpose()?;
        let Some(source) = read.as_deref().or_else(|| metadata::template(gguf)) else {
            return Ok(None);
        };
        let mut template = ChatTemplate::new(source, metadata::specials(tokenizer.vocabulary()));
        if let Some(tool_use) = metadata::tool_use_template(gguf).filter(|_| given.is_none()) {
            template = template.and_then(|template| template.with_tool_use(tool_use));
        }
        template.map(Some).map_err(|error| match given {
            Some(path) => Failure::Other(format!("{}: {error}", path.display())),
            None => self.fault(&error),
        })
    }

    /// An error about this model, with its name before it.
    pub(crate) fn fault(&self, error: &dyn std::error::Error) -> Failure {
        Failure::Other(format!("{}: {error}", self.model.name))
    }
}

/// Stand-in for a GGUF file, if the model is a folder.
fn image(model: &ResolvedModel, mappings: &[Mapping]) -> Result<Option<Image>, Failure> {
    let names: Vec<String> = model.files.iter().map(|file| file_name(&file.path)).collect();
    if !names.iter().any(|name| name == CONFIG) {
        return Ok(None);
    }
    let all = names.iter().map(String::as_str).zip(mappings.iter().map(Mapping::bytes)).collect();
    Files { all }.image(&model.name).map(Some)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_weights(name: &str) -> bool {
    name.ends_with(".safetensors")
}

/// The instruction set that was asked for, or the best.
///
/// # Errors
/// [`Failure::Usage`] if this machine lacks it.
pub(crate) fn instruction_set(device: &DeviceOptions) -> Result<&'static Isa, Failure> {
    match &device.isa {
        None => Ok(hefu_cpu::select::best()),
        Some(name) => hefu_cpu::select::by_name(name).map_err(|error| Failure::Usage(error.to_string())),
    }
}

/// The device that computes, by these threads of the host.
///
/// # Errors
/// As [`instruction_set`]; an OpenCL device that is not there or cannot be used.
pub(crate) fn device(options: &DeviceOptions, pool: &Arc<Pool>) -> Result<Arc<dyn Device>, Failure> {
    match &options.place {
        Place::On(name) => named(name, options, pool),
        Place::Auto => {
            let cpu = named(&DeviceName::Cpu, options, pool)?;
            let Some(number) = accelerator() else { return Ok(cpu) };
            // The CPU goes on where the other one fails.
            let all = [opencl(number, pool)?, cpu].map(|device| Candidate { device, memory: u64::MAX, rate: 0.0 });
            let first = AutoDevice::first(all.into());
            Ok(Arc::new(first.map_err(|error| Failure::Usage(error.to_string()))?))
        }
        Place::Split(layers) => {
            let place = |layers: &Layers| -> Result<hefu_split::Place, Failure> {
                let device = named(&layers.device, options, pool)?;
                Ok(hefu_split::Place { device, first: layers.first, last: layers.last })
            };
            let places = layers.iter().map(place).collect::<Result<_, _>>()?;
            let split = SplitDevice::new(places).map_err(|error| Failure::Usage(error.to_string()))?;
            // Logits are made where tokens are chosen: they are more numbers than all that crosses otherwise.
            Ok(match layers.last().map(|layers| &layers.device) {
                Some(DeviceName::Part(_)) => Arc::new(split.with_heads(named(&DeviceName::Cpu, options, pool)?)),
                _ => Arc::new(split),
            })
        }
        Place::SplitAuto => {
            let all = AutoDevice::new(candidates(options, pool)?);
            Ok(Arc::new(all.map_err(|error| Failure::Usage(error.to_string()))?))
        }
    }
}

/// The devices of this machine that compute, each by itself: those of all layers, where these are on several. Parts on other
/// machines have examined themselves.
///
/// # Errors
/// As [`device`].
pub(crate) fn each_device(options: &DeviceOptions, pool: &Arc<Pool>) -> Result<Vec<Arc<dyn Device>>, Failure> {
    let layers = match &options.place {
        Place::Split(layers) => layers,
        Place::SplitAuto => return Ok(candidates(options, pool)?.into_iter().map(|one| one.device).collect()),
        _ => return Ok(vec![device(options, pool)?]),
    };
    let mut names: Vec<&DeviceName> = Vec::new();
    for layers in layers {
        let name = if matches!(layers.device, DeviceName::Part(_)) { &DeviceName::Cpu } else { &layers.device };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.into_iter().map(|name| named(name, options, pool)).collect()
}

/// A device by its name.
fn named(name: &DeviceName, options: &DeviceOptions, pool: &Arc<Pool>) -> Result<Arc<dyn Device>, Failure> {
    let team = Arc::clone(pool) as Arc<dyn Team + Send + Sync>;
    match name {
        DeviceName::Cpu => Ok(instruction_set(options)?.device(team)),
        DeviceName::OpenCl(number) => opencl(*number, pool),
        DeviceName::Part(place) => {
            let (addresses, patience): (Arc<dyn Addresses>, _) = match place {
                PartPlace::At(all) => (Arc::new(all.clone()), PATIENCE),
                PartPlace::Asked(asked) => (Arc::clone(asked), PATIENCE_WHERE_ASKED),
            };
            Ok(Arc::new(RemoteDevice::new(addresses, options.part_key.read()?, patience, team)))
        }
    }
}

/// The CPU and every OpenCL device that can be used, with what they hold and how fast they read.
fn candidates(options: &DeviceOptions, pool: &Arc<Pool>) -> Result<Vec<Candidate>, Failure> {
    let read_rate = |device: &dyn Device| device.limits(READ_BYTES).ok()??.read_rate().ok();
    let device = named(&DeviceName::Cpu, options, pool)?;
    let rate = read_rate(&*device).unwrap_or(0.0);
    let mut all = vec![Candidate { device, memory: total_memory().unwrap_or(u64::MAX), rate }];
    for found in hefu_opencl::devices().unwrap_or_default() {
        let team = Arc::clone(pool) as Arc<dyn Team + Send + Sync>;
        let Ok(device) = OpenClDevice::open(found.number, team) else { continue };
        let Some(rate) = read_rate(&device) else { continue };
        all.push(Candidate { device: Arc::new(device), memory: found.memory, rate });
    }
    Ok(all)
}

/// An OpenCL device by its number.
///
/// # Errors
/// One that is not there or cannot be used.
pub(crate) fn opencl(number: usize, pool: &Arc<Pool>) -> Result<Arc<dyn Device>, Failure> {
    match OpenClDevice::open(number, Arc::clone(pool) as _) {
        Ok(device) => Ok(Arc::new(device)),
        Err(problem) => Err(Failure::Other(problem.to_string())),
    }
}

/// The number of the first graphics processor or accelerator that can be used.
pub(crate) fn accelerator() -> Option<usize> {
    let found = hefu_opencl::devices().unwrap_or_default();
    let mut numbers = found.iter().filter(|found| matches!(found.kind, Kind::Gpu | Kind::Accelerator));
    let is_usable = |found: &&FoundDevice| OpenClDevice::open(found.number, Arc::new(Alone)).is_ok();
    numbers.find(is_usable).map(|found| found.number)
}
