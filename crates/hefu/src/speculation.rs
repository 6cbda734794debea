//! From the flags of speculation to what guesses.

use crate::cli::{DeviceArguments, ModelArguments, Speculate, SpeculationArguments};
use crate::failure::Failure;
use crate::load::{Loaded, Wishes};
use hefu_engine::Runner;
use hefu_engine::speculation::{DraftModel, Drafter, Gauge, Lookup};
use hefu_text::tokenizer::Vocabulary;
use serde_json::{Value, json};

/// What guesses, and the measure of whether it pays. Kept from answer to answer.
#[derive(Debug)]
pub(crate) struct Speculator<'m> {
    how: Speculate,
    pub(crate) drafter: Option<Box<dyn Drafter + 'm>>,
    pub(crate) gauge: Gauge,
}

/// Loads the draft model, if one is named and used.
///
/// # Errors
/// A model that cannot be had, or whose tokens are not those of `target`.
pub(crate) fn draft_model(
    target: &Loaded,
    flags: &SpeculationArguments,
    default: Speculate,
    device: &DeviceArguments,
) -> Result<Option<Loaded>, Failure> {
    let how = flags.how(default)?;
    let Some(name) = flags.draft_model.as_ref().filter(|_| how != Speculate::Off) else {
        return Ok(None);
    };
    let model = ModelArguments { model: Some(name.clone()) };
    let wishes = Wishes {
        model: &model,
        device,
        context: Some(target.context),
        cache: target.model.config().cache,
        template: None,
        state_memory: false,
    };
    let draft = Loaded::draft(&wishes, &target.pool)?;
    let (ours, its) = (target.tokenizer.vocabulary(), draft.tokenizer.vocabulary());
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

impl<'m> Speculator<'m> {
    /// What was asked for. The draft model computes with the threads of the target, as they never compute at once.
    ///
    /// # Errors
    /// If the cache of the draft model cannot be had.
    pub(crate) fn new(
        target: &'m Loaded,
        draft: Option<&'m Loaded>,
        flags: &SpeculationArguments,
        default: Speculate,
    ) -> Result<Self, Failure> {
        let how = flags.how(default)?;
        let drafter: Option<Box<dyn Drafter + 'm>> = match (how, draft) {
            (Speculate::Off, _) => None,
            (_, Some(draft)) => {
                let runner = Runner::new(&draft.model, &*target.pool, draft.context);
                let runner = runner.map_err(|error| Failure::Other(error.to_string()))?;
                Some(Box::new(DraftModel::new(runner)))
            }
            (_, None) => Some(Box::new(Lookup::new())),
        };
        let gauge = if how == Speculate::Auto { Gauge::measuring } else { Gauge::always };
        Ok(Self { how, drafter, gauge: gauge(flags.most()) })
    }

    /// For the report: how, and how many tokens were guessed and how many of them right.
    pub(crate) fn report(&self) -> Value {
        let how = match self.how {
            Speculate::Auto => "auto",
            Speculate::Ngram => "ngram",
            Speculate::Draft => "draft",
            Speculate::Off => "off",
        };
        json!({"how": how, "drafted_tokens": self.gauge.drafted(), "accepted_tokens": self.gauge.accepted()})
    }

    /// The same in words, after a semicolon; nothing if nothing was guessed.
    pub(crate) fn words(&self) -> String {
        match self.gauge.drafted() {
            0 => String::new(),
            drafted => format!("; {} of {drafted} guessed tokens were right", self.gauge.accepted()),
        }
    }
}
