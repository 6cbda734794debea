//! Every tensor of a file bound to its place in the model, as the family's description says.
//!
//! Each tensor is required, optional or forbidden. What the description does not ask for is an error, and so is any
//! shape that contradicts the metadata: a model that runs is the model that the file describes.

mod binder;
mod memory;
mod pack;
mod tensors;

use std::ops::Range;
use std::sync::Arc;

use hefu_numerics::ops::{Ops, Team};

use crate::config::Config;
use crate::describe::Description;
use crate::error::Error;
use crate::gguf::Gguf;
use crate::model::{LoadOptions, Model};
use crate::weights::Weights;
use binder::{Binder, Placement};
use memory::Late;

/// A checked model whose weights have their places, but no memory yet.
#[derive(Debug)]
pub struct Plan<'a> {
    ops: &'static Ops,
    config: Config,
    context: usize,
    weights: Weights,
    placements: Vec<Placement<'a>>,
    memory: Arc<Late>,
    packed_bytes: usize,
    description: Description,
}

impl<'a> Plan<'a> {
    /// Reads the metadata and binds every tensor; norms and other vectors are decoded now, matrices later.
    ///
    /// # Errors
    /// Everything by which a file is not a model that can be run; see [`Error`].
    pub fn new(gguf: &Gguf<'a>, ops: &'static Ops, options: &LoadOptions) -> Result<Self, Error> {
        let config = Config { cache: options.cache, ..Config::read(gguf)? };
        let context = options.context.unwrap_or(config.context_length);
        if context == 0 || context > config.context_length {
            return Err(Error::Context { asked: context, allowed: config.context_length });
        }
        let mut binder = Binder::new(gguf, config.arch.name, ops);
        let weights = tensors::bind(&mut binder, &config, context)?;
        let (placements, memory, packed_bytes) = binder.finish()?;
        let description = Description::new(gguf, config.arch.name, config.context_length, config.width);
        Ok(Plan { ops, config, context, weights, placements, memory, packed_bytes, description })
    }

    /// The model's numbers.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What there is to say about the model.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Bytes of memory that the packed matrices need.
    pub fn packed_bytes(&self) -> usize {
        self.packed_bytes
    }

    /// Bytes of the file that [`Plan::load`] reads, for showing progress.
    pub fn source_bytes(&self) -> usize {
        self.placements.iter().map(|placement| placement.source.len()).sum()
    }

    /// Packs all matrices into `memory`, which must begin at a multiple of 64 bytes and hold at least
    /// [`Plan::packed_bytes`], and keeps it for the model.
    ///
    /// All threads of `team` take part. `packed` is called (by any of them) after every piece of about a mebibyte with
    /// the index of the file among those parsed and the range of its bytes that will not be read again, so that the
    /// caller can drop those pages of a mapping and show progress; the ranges add up to [`Plan::source_bytes`].
    ///
    /// # Errors
    /// [`Error::Memory`] if `memory` is too small.
    pub fn load<M>(
        self,
        team: &dyn Team,
        mut memory: M,
        packed: &(dyn Fn(usize, Range<usize>) + Sync),
    ) -> Result<Model, Error>
    where
        M: AsRef<[u8]> + AsMut<[u8]> + Send + Sync + 'static,
    {
        let Some(region) = memory.as_mut().get_mut(..self.packed_bytes) else {
            let (bytes, reason) = (self.packed_bytes, "the memory given is smaller".into());
            return Err(Error::Memory { bytes, what: "weights", reason });
        };
        pack::pack(self.ops, team, &self.placements, region, packed);
        self.memory.fill(Box::new(memory));
        Ok(Model {
            ops: self.ops,
            config: self.config,
            context: self.context,
            weights: self.weights,
            packed_bytes: self.packed_bytes,
            description: self.description,
        })
    }
}
