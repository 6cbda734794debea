//! A model as its files describe it, before any device has seen it.

use std::ops::Range;
use std::sync::Arc;

use hefu_numerics::device::{Files, Reopen};
use hefu_numerics::matrix::Bytes;
use hefu_numerics::program::{Entry, Program};

use crate::build::{Builder, shown};
use crate::describe::Description;
use crate::error::Error;
use crate::families::{ENCODERS, FAMILIES, Family, MISSING};
use crate::gguf::Gguf;
use crate::options::LoadOptions;

/// A checked model: its program, with a place in the files for every weight, and what there is to say about it.
#[derive(Debug, Clone)]
pub struct ModelSpec {
    /// The program.
    pub program: Arc<Program>,
    /// The block that only guesses, where it was wanted and the model has one. Its weights are those of `program`; the rows
    /// that it injects are hidden states of the position before ([`Entry::Hidden`] of either program).
    pub drafter: Option<Arc<Program>>,
    /// Description of the model.
    pub description: Description,
    /// Pooling, if the file says it.
    pub pooling: Option<Pooling>,
}

/// Pooling: how the rows of a text become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first, which belongs to a token that stands for the whole text.
    First,
    /// The last.
    Last,
    /// The first of an encoder or the last of a decoder, of which a classifier makes a score.
    Rank,
}

impl Pooling {
    /// By the number that files have in `pooling_type`, where 0 is none.
    fn from_number(number: u64) -> Option<Pooling> {
        [Pooling::Mean, Pooling::First, Pooling::Last, Pooling::Rank]
            .get(usize::try_from(number).ok()?.checked_sub(1)?)
            .copied()
    }
}

impl ModelSpec {
    /// A model that writes.
    ///
    /// # Errors
    /// As [`ModelSpec::read_any`], and for a model that only embeds.
    pub fn read(gguf: &Gguf<'_>, options: &LoadOptions) -> Result<ModelSpec, Error> {
        let spec = ModelSpec::read_any(gguf, options)?;
        match spec.program.section(Entry::Logits) {
            Some(_) => Ok(spec),
            None => Err(Error::Encoder { architecture: spec.description.architecture }),
        }
    }

    /// Reads the metadata and finds every tensor, whether the model writes or embeds; no weights are read but those that the
    /// program depends on.
    ///
    /// # Errors
    /// Everything by which a file is not a model that can be run; see [`Error`].
    pub fn read_any(gguf: &Gguf<'_>, options: &LoadOptions) -> Result<ModelSpec, Error> {
        let family = family(gguf)?;
        let mut builder = Builder::new(gguf, family.name, options)?;
        (family.write)(&mut builder)?;
        let description = Description::new(gguf, family.name, builder.context_length, builder.hidden_size);
        let pooling =
            gguf.metadata().unsigned(&format!("{}.pooling_type", family.name))?.and_then(Pooling::from_number);
        let (program, drafter) = builder.finish()?;
        Ok(ModelSpec { program: Arc::new(program), drafter: drafter.map(Arc::new), description, pooling })
    }

    /// Positions that the model was made for, without reading the rest.
    ///
    /// # Errors
    /// An unknown architecture, a key that is missing or out of bounds.
    pub fn context_length(gguf: &Gguf<'_>) -> Result<usize, Error> {
        Ok(Builder::new(gguf, family(gguf)?.name, &LoadOptions::default())?.context_length)
    }
}

fn family(gguf: &Gguf<'_>) -> Result<&'static Family, Error> {
    let name = gguf.metadata().required_string("general.architecture")?;
    Family::from_name(name).ok_or_else(|| {
        if let Some(&(architecture, missing)) = MISSING.iter().find(|(known, _)| *known == name) {
            return Error::MissingOperation { architecture, missing };
        }
        let known: Vec<&str> = FAMILIES.iter().chain(ENCODERS).map(|family| family.name).collect();
        Error::UnknownArchitecture { found: shown(name), known: known.join(", ") }
    })
}

/// The files of a parsed model, for a device that loads weights from them.
pub struct ModelFiles<'g, 'a> {
    gguf: &'g Gguf<'a>,
    done: &'g (dyn Fn(usize, Range<usize>) + Sync),
    image: Option<Bytes>,
    identity: Option<&'g (dyn Fn() -> Option<String> + Sync)>,
    again: Option<Arc<dyn Reopen>>,
}

impl<'g, 'a> ModelFiles<'g, 'a> {
    /// `done` is called (by any thread) with the index of a file and a range of its bytes that will not be read again, so
    /// that the caller can drop those pages of a mapping and show progress.
    pub fn new(gguf: &'g Gguf<'a>, done: &'g (dyn Fn(usize, Range<usize>) + Sync)) -> Self {
        ModelFiles { gguf, done, image: None, identity: None, again: None }
    }

    /// The same with the device's own image of the weights, if there is one.
    #[must_use]
    pub fn with_image(self, image: Option<Bytes>) -> Self {
        ModelFiles { image, ..self }
    }

    /// The same with what says whose files these are, if that can be found out. It is asked only where weights are loaded from
    /// copies of the files.
    #[must_use]
    pub fn with_identity(self, identity: &'g (dyn Fn() -> Option<String> + Sync)) -> Self {
        ModelFiles { identity: Some(identity), ..self }
    }

    /// The same with what opens these files another time.
    #[must_use]
    pub fn with_reopen(self, again: Arc<dyn Reopen>) -> Self {
        ModelFiles { again: Some(again), ..self }
    }
}

impl Files for ModelFiles<'_, '_> {
    fn bytes(&self, file: usize) -> &[u8] {
        self.gguf.files().get(file).copied().unwrap_or_default()
    }

    fn image(&self) -> Option<Bytes> {
        self.image.clone()
    }

    fn identity(&self) -> Option<String> {
        self.identity.and_then(|identity| identity())
    }

    fn reopen(&self) -> Option<Arc<dyn Reopen>> {
        self.again.clone()
    }

    fn done(&self, file: usize, range: Range<usize>) {
        (self.done)(file, range);
    }
}
