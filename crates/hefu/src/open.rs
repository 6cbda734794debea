//! A model's files, mapped and parsed, before anything is loaded.

use crate::failure::Failure;
use crate::metadata::{self, OfFile};
use crate::options::DeviceOptions;
use hefu_cpu::select::Isa;
use hefu_cpu::{Mapping, Pool};
use hefu_model::gguf::{Gguf, Outline};
use hefu_numerics::device::Device;
use hefu_numerics::team::Team;
use hefu_store::ResolvedModel;
use hefu_text::template::ChatTemplate;
use hefu_text::tokenizer::{Tokenizer, Vocabulary};
use std::path::Path;
use std::sync::Arc;

/// A model's files in the address space.
#[derive(Debug)]
pub(crate) struct MappedModel {
    /// Name, licence and digests.
    pub(crate) model: ResolvedModel,
    mappings: Vec<Mapping>,
}

impl MappedModel {
    /// Maps every file of a model.
    ///
    /// # Errors
    /// If one cannot be read.
    pub(crate) fn new(model: ResolvedModel) -> Result<Self, Failure> {
        let mappings = model.paths().into_iter().map(Mapping::open).collect::<Result<_, _>>();
        let mappings = mappings.map_err(|error| Failure::Other(error.to_string()))?;
        Ok(Self { model, mappings })
    }

    /// Parses the files; what comes back borrows from them.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub(crate) fn gguf(&self) -> Result<Gguf<'_>, Failure> {
        let parts: Vec<&[u8]> = self.mappings.iter().map(Mapping::bytes).collect();
        Gguf::parse(&parts).map_err(|error| self.fault(&error))
    }

    /// What the files say they hold, whether or not they can be run.
    ///
    /// # Errors
    /// Files that are no GGUF, or damaged.
    pub(crate) fn outline(&self) -> Result<Outline<'_>, Failure> {
        let parts: Vec<&[u8]> = self.mappings.iter().map(Mapping::bytes).collect();
        Outline::parse(&parts).map_err(|error| self.fault(&error))
    }

    /// The mapping of one file.
    pub(crate) fn mapping(&self, index: usize) -> Option<&Mapping> {
        self.mappings.get(index)
    }

    /// Lets go of the pages that hold metadata, the vocabulary above all: whoever reads it again brings them back.
    pub(crate) fn release_metadata(&self, gguf: &Gguf<'_>) {
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

/// The device that computes with it, by these threads.
///
/// # Errors
/// As [`instruction_set`].
pub(crate) fn device(device: &DeviceOptions, pool: &Arc<Pool>) -> Result<Arc<dyn Device>, Failure> {
    Ok(instruction_set(device)?.device(Arc::clone(pool) as Arc<dyn Team + Send + Sync>))
}
