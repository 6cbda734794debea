//! Guessing at tokens of an answer, so that several are checked by one forward pass.
//!
//! Speculation cannot change an answer. A batch of positions gives the bits of single steps (the numeric contract), and
//! a choice depends on logits, history, settings and position alone (`docs/sampling.md`), so the token of every guessed
//! position is chosen from its own logits exactly as without guesses; the guess only decides whether the logits of the
//! next position are there already. This holds for sampled answers as for greedy ones.
//!
//! A [`Drafter`] guesses: [`Lookup`] finds the last tokens earlier in the text, [`DraftModel`] asks a smaller model. The
//! [`Gauge`] decides how many guesses pay.

mod draft_model;
mod gauge;
mod lookup;
#[cfg(test)]
mod tests;

pub use draft_model::DraftModel;
pub use gauge::{Gauge, MAX_GUESSES};
pub use lookup::Lookup;

use crate::sampling::Parameters;

/// What a guess can be made from.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Prompt and answer so far.
    pub tokens: &'a [u32],
    /// How the answer's tokens are chosen.
    pub parameters: &'a Parameters,
}

/// How good the reason for a guess is: the acceptance of each of a few kinds is measured by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evidence(u8);

/// Kinds of evidence.
const KINDS: usize = 4;

impl Evidence {
    /// The kind of this number; numbers that are too large count as the largest.
    pub fn new(kind: usize) -> Self {
        Self(kind.min(KINDS - 1) as u8)
    }

    fn kind(self) -> usize {
        usize::from(self.0)
    }
}

/// Guesses at what follows.
pub trait Drafter: std::fmt::Debug {
    /// Appends at most `most` guesses at the tokens that follow the context, and says how good its reasons are. No guess
    /// is a valid answer, also to every fault.
    fn draft(&mut self, context: &Context<'_>, most: usize, guesses: &mut Vec<u32>) -> Evidence;

    /// Whether guesses cost next to nothing, so that they may be made to be compared only.
    fn is_free(&self) -> bool;
}
