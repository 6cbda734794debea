//! A model that is ready to answer as the flags of `run` and `chat` say.

use crate::answer::Question;
use crate::failure::Failure;
use crate::flags::{AnsweringArguments, in_flags};
use crate::load::Loaded;
use crate::options::{ModelChoice, ModelOptions, Speculate, SpeculationOptions};
use crate::speculation::{Drafter, drafter, guessing};
use hefu_answer::{Ask, Error, Limits, Prompt, prepare};
use hefu_engine::scheduler::{Paged, Scheduler};
use hefu_text::template;
use std::num::NonZeroUsize;
use std::sync::atomic::AtomicBool;

/// The models in memory, and how they are asked.
pub(crate) struct AnswerSession<'a> {
    /// The model that answers.
    pub(crate) loaded: Loaded,
    drafter: Option<Drafter>,
    speculation: SpeculationOptions,
    prefill_chunk: usize,
    logprobs: Option<u32>,
    flags: &'a AnsweringArguments,
}

impl<'a> AnswerSession<'a> {
    /// Loads what the flags name; they have passed [`AnsweringArguments::check`].
    ///
    /// # Errors
    /// A model that cannot be had, or a setting that it does not have.
    pub(crate) fn new(
        flags: &'a AnsweringArguments,
        logprobs: Option<u32>,
        state_memory: bool,
    ) -> Result<Self, Failure> {
        Self::of(flags.model.choice(), flags, logprobs, state_memory)
    }

    /// As [`AnswerSession::new`], with another model than the flags name.
    ///
    /// # Errors
    /// As [`AnswerSession::new`].
    pub(crate) fn of(
        model: ModelChoice<'_>,
        flags: &'a AnsweringArguments,
        logprobs: Option<u32>,
        state_memory: bool,
    ) -> Result<Self, Failure> {
        let (device, speculation) = (flags.device.options(), flags.speculation.options(Speculate::Auto)?);
        let loaded = Loaded::new(&ModelOptions {
            model,
            device: &device,
            context: flags.generation.context.map(NonZeroUsize::get),
            cache: flags.cache.profile(),
            template: flags.generation.template.as_deref(),
            state_memory,
            guessing: speculation.wants_block(),
        })?;
        // A setting that the model does not have is better known now than at the first answer.
        let parameters = flags.sampling.named().over(&loaded.text.recommended, &loaded.text.tokenizer, logprobs);
        let checked = parameters.and_then(|all| all.validate_tokens(loaded.model.program.vocabulary));
        checked.map_err(|error| Failure::Usage(in_flags(&error)))?;
        let drafter = drafter(&loaded, &speculation, &device)?;
        Ok(Self { loaded, drafter, speculation, prefill_chunk: device.prefill_chunk, logprobs, flags })
    }

    /// Scheduler that answers, and guesses as the flags say; with a trace of every answer if it is `traced`.
    ///
    /// # Errors
    /// If the cache of a model cannot be had.
    pub(crate) fn scheduler(&self, traced: bool) -> Result<Scheduler<Paged>, Failure> {
        let scheduler = match traced {
            true => self.loaded.traced_scheduler(self.prefill_chunk)?,
            false => self.loaded.scheduler(self.prefill_chunk, true)?,
        };
        guessing(scheduler, &self.speculation, self.drafter.as_ref(), Drafter::paged_alone)
    }

    /// Way of guessing tokens.
    pub(crate) fn how(&self) -> Speculate {
        self.speculation.how
    }

    /// Request of a prompt by the flags.
    pub(crate) fn ask(&self, prompt: Prompt) -> Ask {
        Ask {
            prompt,
            sampling: self.flags.sampling.named(),
            stops: self.flags.generation.stop.clone(),
            max_tokens: self.flags.generation.max_tokens.map(NonZeroUsize::get),
            logprobs: self.logprobs,
            is_whole: true,
            ..Ask::default()
        }
    }

    /// It worked out.
    ///
    /// # Errors
    /// Whatever is wrong with what is asked.
    pub(crate) fn question(&self, ask: &Ask) -> Result<Question, Error> {
        let prepared = prepare(ask, &self.loaded.text, &Limits::default())?;
        // Whoever does not want to wait ends the program.
        let given_up = AtomicBool::new(false);
        let constraint = prepared.constraints(&self.loaded.text, &given_up)?.pop().flatten();
        Ok(Question { prepared, constraint })
    }

    /// Failure of a request, with the names of the flags.
    pub(crate) fn failed(&self, error: &Error) -> Failure {
        let model = &self.loaded.text.name;
        match error {
            Error::Setting(error) => Failure::Usage(in_flags(error)),
            Error::NoTemplate { .. } => Failure::Other(format!("{model}: {}", template::Error::missing())),
            Error::Template(error) => Failure::Other(format!("{model}: {error}")),
            Error::FullContext { .. } | Error::LongText { .. } => Failure::Other(format!("{error} with --context")),
            other => Failure::Other(other.to_string()),
        }
    }
}
