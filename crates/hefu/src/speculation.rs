//! What guesses tokens, as options say.

use crate::failure::Failure;
use crate::load::Loaded;
use crate::options::{DeviceOptions, ModelChoice, ModelOptions, Speculate, SpeculationOptions};
use hefu_engine::scheduler::{Paged, Scheduler, Statistics};
use hefu_engine::speculation::{Speculation, SpeculationPolicy};
use hefu_text::tokenizer::Vocabulary;
use serde_json::{Value, json};

/// Loads the draft model, if one is named.
///
/// # Errors
/// A model that cannot be had, or whose tokens are not those of `target`.
pub(crate) fn draft_model(
    target: &Loaded,
    speculation: &SpeculationOptions,
    device: &DeviceOptions,
) -> Result<Option<Loaded>, Failure> {
    let Some(name) = &speculation.draft_model else { return Ok(None) };
    let options = ModelOptions {
        model: ModelChoice { name: Some(name), check: target.check },
        device,
        context: Some(target.text.context),
        cache: target.model.program.profile,
        template: None,
        state_memory: false,
    };
    let draft = Loaded::draft(&options, &target.pool)?;
    let (ours, its) = (target.text.tokenizer.vocabulary(), draft.text.tokenizer.vocabulary());
    if let Some(difference) = difference(ours, its) {
        return Err(Failure::Usage(format!(
            "--draft-model {} has another vocabulary than {}: {difference}; a draft model must have the same tokens",
            draft.resolved.name, target.resolved.name
        )));
    }
    Ok(Some(draft))
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

/// Has a scheduler guess as the options say. The draft model computes with the threads of the target, as they never compute
/// at once; `paged` makes its cache.
///
/// # Errors
/// If the cache of the draft model cannot be had.
pub(crate) fn guessing(
    scheduler: Scheduler<Paged>,
    options: &SpeculationOptions,
    draft: Option<impl FnOnce() -> Result<Paged, Failure>>,
) -> Result<Scheduler<Paged>, Failure> {
    let SpeculationOptions { how, most, .. } = *options;
    let policy = if how == Speculate::Auto { SpeculationPolicy::measuring } else { SpeculationPolicy::always };
    Ok(match (how, draft) {
        (Speculate::Off, _) => scheduler,
        (_, Some(draft)) => scheduler.with_speculation(Speculation::draft_model(draft()?, policy(most))),
        (_, None) => scheduler.with_speculation(Speculation::lookup(policy(most))),
    })
}

/// How many tokens were guessed, and how many of them right.
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
