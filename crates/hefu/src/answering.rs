//! A model that is ready to answer as the flags of `run` and `chat` say.

use crate::answer::{self, Question};
use crate::cli::{AnsweringArguments, Speculate};
use crate::failure::Failure;
use crate::load::{Loaded, Wishes};
use crate::speculation::{Speculator, draft_model};
use hefu_engine::sampling::Parameters;
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

    /// What guesses.
    ///
    /// # Errors
    /// If the cache of the draft model cannot be had.
    pub(crate) fn speculator(&self) -> Result<Speculator<'_>, Failure> {
        Speculator::new(&self.loaded, self.draft.as_ref(), &self.flags.speculation, Speculate::Auto)
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
