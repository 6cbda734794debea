//! A model that is ready to run.

use std::ops::Range;

use hefu_numerics::kv::Profile;
use hefu_numerics::ops::{Ops, Team};

use crate::bind::Plan;
use crate::config::Config;
use crate::describe::Description;
use crate::error::Error;
use crate::gguf::Gguf;
use crate::weights::Weights;

/// How a model is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Positions that sequences may have, at most and by default the model's own context. Some families rotate by other
    /// frequencies in a long context (LongRoPE), so that this can change results.
    pub context: Option<usize>,
    /// What cached keys and values are made of; this changes results.
    pub cache: Profile,
}

/// A model with its weights in a device's memory.
#[derive(Debug)]
pub struct Model {
    pub(crate) ops: &'static Ops,
    pub(crate) config: Config,
    pub(crate) context: usize,
    pub(crate) weights: Weights,
    pub(crate) packed_bytes: usize,
    pub(crate) description: Description,
}

impl Model {
    /// [`Plan::new`] and [`Plan::load`] in one: `allocate` gets the bytes of memory needed.
    ///
    /// # Errors
    /// Everything by which a file is not a model that can be run, and whatever `allocate` fails with.
    pub fn load<M>(
        gguf: &Gguf<'_>,
        ops: &'static Ops,
        team: &dyn Team,
        options: &LoadOptions,
        allocate: impl FnOnce(usize) -> std::io::Result<M>,
        packed: &(dyn Fn(usize, Range<usize>) + Sync),
    ) -> Result<Model, Error>
    where
        M: AsRef<[u8]> + AsMut<[u8]> + Send + Sync + 'static,
    {
        let plan = Plan::new(gguf, ops, options)?;
        let bytes = plan.packed_bytes();
        let memory =
            allocate(bytes).map_err(|error| Error::Memory { bytes, what: "weights", reason: error.to_string() })?;
        plan.load(team, memory, packed)
    }

    /// The model's numbers.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Positions that sequences may have.
    pub fn context(&self) -> usize {
        self.context
    }

    /// Bytes of the packed weights.
    pub fn packed_bytes(&self) -> usize {
        self.packed_bytes
    }

    /// What there is to say about the model.
    pub fn description(&self) -> &Description {
        &self.description
    }
}
