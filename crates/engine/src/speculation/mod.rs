//! Guessing at tokens of answers, so that several are checked by one forward pass.
//!
//! Speculation cannot change an answer. A batch of positions gives the bits of single steps (the numeric contract), and
//! a choice depends on logits, history, settings and position alone (`docs/readers/sampling.md`), so the token of every guessed
//! position is chosen from its own logits exactly as without guesses; the guess only decides whether the logits of the
//! next position are there already. This holds for sampled answers as for greedy ones, and under a constraint.
//!
//! Guesses come from the text itself and from earlier answers ([`Speculation::lookup`]), whichever is likelier to be right,
//! from a smaller model ([`Speculation::draft_model`]), or from a block of the model that does nothing else
//! ([`Speculation::mtp`]).
//! The [`SpeculationPolicy`] decides how many of them pay, for all answers of a pass together.

mod draft_model;
mod earlier;
mod evidence;
mod guesses;
mod lookup;
mod mtp;
mod policy;

pub(crate) use draft_model::{Ask, DraftModel};
pub(crate) use earlier::EarlierAnswers;
pub(crate) use evidence::Evidence;
pub(crate) use guesses::Guesses;
pub(crate) use mtp::MtpDrafter;
pub(crate) use policy::Offer;
pub use policy::{MAX_GUESSES, SpeculationPolicy};

use crate::scheduler::ForwardMany;

/// Source and number of guesses.
#[derive(Debug)]
pub struct Speculation<M> {
    pub(crate) drafter: Drafter<M>,
    pub(crate) policy: SpeculationPolicy,
}

/// Source of guesses.
#[derive(Debug)]
pub(crate) enum Drafter<M> {
    /// The text itself, and what was answered before.
    Lookup(EarlierAnswers),
    /// A smaller model.
    Model(Box<DraftModel<M>>),
    /// The model's own block for further tokens.
    Mtp(Box<MtpDrafter<M>>),
}

impl<M: ForwardMany> Speculation<M> {
    /// Guesses that what followed the last few tokens before, in the text itself or in an earlier answer, follows again.
    pub fn lookup(policy: SpeculationPolicy) -> Self {
        Self { drafter: Drafter::Lookup(EarlierAnswers::default()), policy }
    }

    /// Guesses of this model, whose token ids must mean what those of the large one mean. All of its pages are for the
    /// guesses; it needs as many as the large model to guess for as many answers.
    pub fn draft_model(model: M, policy: SpeculationPolicy) -> Self {
        Self { drafter: Drafter::Model(Box::new(DraftModel::new(model))), policy }
    }

    /// Guesses of the model's own block that predicts further tokens: `block` injects hidden states of the model, and has as
    /// many pages.
    pub fn mtp(block: M, policy: SpeculationPolicy) -> Self {
        Self { drafter: Drafter::Mtp(Box::new(MtpDrafter::new(block))), policy }
    }

    /// True if hidden states of all positions are wanted.
    pub(crate) fn follows_hidden(&self) -> bool {
        matches!(self.drafter, Drafter::Mtp(_))
    }
}
