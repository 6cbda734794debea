//! Draft models and other sources of guessed tokens, by options.

use crate::failure::Failure;
use crate::load::Loaded;
use crate::options::{DeviceOptions, ModelChoice, ModelOptions, Speculate, SpeculationOptions};
use hefu_engine::scheduler::{Paged, Scheduler, Statistics};
use hefu_engine::speculation::{Speculation, SpeculationPolicy};
use hefu_numerics::device::Model;
use hefu_numerics::kv::PAGE;
use hefu_text::tokenizer::Vocabulary;
use serde_json::{Value, json};

/// Model or block that guesses beside the text itself.
pub(crate) struct Drafter {
    /// A draft model, or the model's own block for further tokens.
    model: Model,
    context: usize,
    is_block: bool,
}

impl Drafter {
    /// Its cache of so many pages, for so many sequences.
    ///
    /// # Errors
    /// If it cannot be had.
    pub(crate) fn paged(&self, pages: usize, sequences: usize) -> Result<Paged, Failure> {
        let paged = Paged::new(&self.model, self.context, pages, sequences);
        paged.map_err(|error| Failure::Other(error.to_string()))
    }

    /// Its cache of one sequence.
    ///
    /// # Errors
    /// If it cannot be had.
    pub(crate) fn paged_alone(&self) -> Result<Paged, Failure> {
        self.paged(self.context.div_ceil(PAGE), 1)
    }
}

/// Loads the draft model, if one is named, or else takes the model's own block, if that is wanted and there.
///
/// # Errors
/// A model that cannot be had, or whose tokens are not those of `target`; a block that is asked for and not there.
pub(crate) fn drafter(
    target: &Loaded,
    speculation: &SpeculationOptions,
    device: &DeviceOptions,
) -> Result<Option<Drafter>, Failure> {
    let Some(name) = &speculation.draft_model else {
        let block = target.block.as_ref().filter(|_| speculation.wants_block());
        if speculation.how == Speculate::Mtp && block.is_none() {
            let name = &target.resolved.name;
            return Err(Failure::Usage(format!(
                "--speculate mtp: {name} has no block for further tokens; leave it out"
            )));
        }
        let context = target.text.context;
        return Ok(block.map(|model| Drafter { model: model.clone(), context, is_block: true }));
    };
    let options = ModelOptions {
        model: ModelChoice { name: Some(name), check: target.check },
        device,
        context: Some(target.text.context),
        cache: target.model.program.profile,
        template: None,
        state_memory: false,
        guessing: false,
    };
    let draft = Loaded::draft(&options, &target.pool)?;
    let (ours, its) = (target.text.tokenizer.vocabulary(), draft.text.tokenizer.vocabulary());
    if let Some(difference) = difference(ours, its) {
        return Err(Failure::Usage(format!(
            "--draft-model {} has another vocabulary than {}: {difference}; a draft model must have the same tokens",
            draft.resolved.name, target.resolved.name
        )));
    }
    Ok(Some(Drafter { context: draft.text.context, model: draft.model, is_block: false }))
}

/// Where two lists of tokens differ first.
fn difference<'v>(ours: &'v Vocabulary, its: &'v Vocabulary) -> Option<String> {
    let first = ours.tokens.iter().zip(its.tokens.iter()).position(|(a, b)| a != b);
    if let Some(id) = first {
        let token = |vocabulary: &'v Vocabulary| vocabulary.tokens.get(id).unwrap_or_default();
        return Some(format!("its token {id} is {:?} and not {:?}", token(its), token(ours)));
    }
    let (ours, its) = (ours.tokens.len(), its.tokens.len());
    (ours != its).then(|| format!("it has {its} tokens and not {ours}"))
}

/// Has a scheduler guess as the options say. What guesses computes with the threads of the model, as they never compute at
/// once; `paged` makes its cache.
///
/// # Errors
/// If that cache cannot be had.
pub(crate) fn guessing(
    scheduler: Scheduler<Paged>,
    options: &SpeculationOptions,
    drafter: Option<&Drafter>,
    paged: impl FnOnce(&Drafter) -> Result<Paged, Failure>,
) -> Result<Scheduler<Paged>, Failure> {
    let SpeculationOptions { how, most, .. } = *options;
    let policy = if how == Speculate::Auto { SpeculationPolicy::measuring } else { SpeculationPolicy::always };
    let speculation = match (how, drafter) {
        (Speculate::Off, _) => return Ok(scheduler),
        (_, Some(drafter)) if drafter.is_block => Speculation::mtp(paged(drafter)?, policy(most)),
        (_, Some(drafter)) => Speculation::draft_model(paged(drafter)?, policy(most)),
        (_, None) => Speculation::lookup(policy(most)),
    };
    Ok(scheduler.with_speculation(speculation))
}

/// Numbers of guessed tokens and of right ones.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Guessed {
    /// Tokens that were guessed and computed.
    pub(crate) drafted: u64,
    /// Those of them that were right.
    pub(crate) accepted: u64,
}

impl Guessed {
    /// Those since an earlier moment.
    pub(crate) fn since(before: &Statistics, now: &Statistics) -> Self {
        let drafted = now.drafted_tokens.saturating_sub(before.drafted_tokens);
        Self { drafted, accepted: now.accepted_tokens.saturating_sub(before.accepted_tokens) }
    }

    /// For the report, with how it was guessed.
    pub(crate) fn report(self, how: Speculate) -> Value {
        json!({"how": how.name(), "drafted_tokens": self.drafted, "accepted_tokens": self.accepted})
    }

    /// The same in words, after a semicolon; nothing if nothing was guessed.
    pub(crate) fn words(self) -> String {
        match self.drafted {
            0 => String::new(),
            drafted => format!("; {} of {drafted} guessed tokens were right", self.accepted),
        }
    }
}
