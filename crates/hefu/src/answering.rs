//! A model that is ready to answer as the flags of `run` and `chat` say.

use crate::answer::{self, Question};
use crate::failure::Failure;
use crate::flags::AnsweringArguments;
use crate::load::Loaded;
use crate::options::{ModelOptions, Speculate, SpeculationOptions};
use crate::speculation::{draft_model, guessing};
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Paged, Scheduler};
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

/// The models in memory and how tokens are chosen.
pub(crate) struct Answering<'a> {
    /// The model that answers.
    pub(crate) loaded: Loaded,
    /// How tokens are chosen.
    pub(crate) parameters: Parameters,
    draft: Option<Loaded>,
    speculation: SpeculationOptions,
    prefill_chunk: usize,
    flags: &'a AnsweringArguments,
}

impl<'a> Answering<'a> {
    /// Loads what the flags name; they have passed [`AnsweringArguments::check`].
    ///
    /// # Errors
    /// A model that cannot be had, or a setting that it does not have.
    pub(crate) fn new(
        flags: &'a AnsweringArguments,
        logprobs: Option<u32>,
        state_memory: bool,
    ) -> Result<Self, Failure> {
        let (device, speculation) = (flags.device.options(), flags.speculation.options(Speculate::Auto)?);
        let loaded = Loaded::new(&ModelOptions {
            model: flags.model.choice(),
            device: &device,
            context: flags.generation.context.map(NonZeroUsize::get),
            cache: flags.cache.profile(),
            template: flags.generation.template.as_deref(),
            state_memory,
        })?;
        let parameters = answer::parameters(&loaded, &flags.sampling, logprobs)?;
        let draft = draft_model(&loaded, &speculation, &device)?;
        Ok(Self { loaded, parameters, draft, speculation, prefill_chunk: device.prefill_chunk, flags })
    }

    /// What answers, and guesses as the flags say.
    ///
    /// # Errors
    /// If the cache of a model cannot be had.
    pub(crate) fn scheduler(&self) -> Result<Scheduler<Paged>, Failure> {
        let scheduler = self.loaded.scheduler(self.prefill_chunk, true)?;
        let draft = self.draft.as_ref().map(|draft| || draft.paged());
        guessing(scheduler, &self.speculation, draft)
    }

    /// How tokens are guessed.
    pub(crate) fn how(&self) -> Speculate {
        self.speculation.how
    }

    /// Most tokens of an answer.
    pub(crate) fn max_tokens(&self) -> Option<usize> {
        self.flags.generation.max_tokens.map(NonZeroUsize::get)
    }

    /// What to answer to a prompt, and how.
    pub(crate) fn question<'q>(&'q self, prompt: Vec<u32>, seed: u64, cancelled: &'q AtomicBool) -> Question<'q> {
        Question {
            prompt,
            parameters: Parameters { seed, ..self.parameters.clone() },
            stops: &self.flags.generation.stop,
            constraint: None,
            max_tokens: self.max_tokens(),
            prefill_chunk: self.prefill_chunk,
            hash_logits: false,
            cancelled,
        }
    }
}
