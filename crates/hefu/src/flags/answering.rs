//! The flags of every command that answers: `run` and `chat` take the same.

use super::{
    CacheArguments, DeviceArguments, GenerationArguments, ModelArguments, SamplingArguments, SpeculationArguments,
};
use crate::failure::Failure;
use crate::options::Speculate;
use clap::Args;

/// Which model answers, how, and where.
#[derive(Debug, Args)]
pub(crate) struct AnsweringArguments {
    #[command(flatten)]
    pub(crate) model: ModelArguments,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
    #[command(flatten)]
    pub(crate) generation: GenerationArguments,
    #[command(flatten)]
    pub(crate) sampling: SamplingArguments,
    #[command(flatten)]
    pub(crate) speculation: SpeculationArguments,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

impl AnsweringArguments {
    /// Refuses what contradicts itself, before anything is read or loaded.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub(crate) fn check(&self, logprobs: Option<u32>) -> Result<(), Failure> {
        self.sampling.check(logprobs)?;
        self.speculation.options(Speculate::Auto).map(|_| ())
    }
}
