//! A model that is ready to answer as the flags of `run` and `chat` say.

use crate::answer::{self, Question};
use crate::cli::{AnsweringArguments, Speculate};
use crate::failure::Failure;
use crate::load::{Loaded, Wishes};
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
        let loaded = Loaded::new(&Wishes {
            model: &flags.model,
            device: &flags.device,
            context: flags.generation.context.map(NonZeroUsize::get),
            cache: flags.cache.profile(),
            template: flags.generation.template.as_deref(),
            state_memory,
        })?;
        let parameters = answer::parameters(&loaded, &flags.sampling, logprobs)?;
        let draft = draft_model(&loaded, &flags.speculation, Speculate::Auto, &flags.device)?;
        Ok(Self { loaded, parameters, draft, flags })
    }

    /// What answers, and guesses as the flags say.
    ///
    /// # Errors
    /// If the cache of a model cannot be had.
    pub(crate) fn scheduler(&self) -> Result<Scheduler<Paged>, Failure> {
        let scheduler = self.loaded.scheduler(self.flags.device.prefill_chunk.get(), true)?;
        let draft = self.draft.as_ref().map(|draft| || draft.paged());
        guessing(scheduler, (self.how()?, self.flags.speculation.most()), draft)
    }

    /// How tokens are guessed.
    ///
    /// # Errors
    /// Flags that contradict one another.
    pub(crate) fn how(&self) -> Result<Speculate, Failure> {
        self.flags.speculation.how(Speculate::Auto)
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
            prefill_chunk: self.flags.device.prefill_chunk.get(),
            hash_logits: false,
            cancelled,
        }
    }
}
