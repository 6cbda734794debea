//! One answer on its way through a grammar.

use crate::Error;
use crate::compile;
use crate::limits::MAX_ANSWER_ITEMS;
use hefu_engine::constraint::{Constraint, ConstraintError};
use hefu_engine::sampling::TokenMask;
use llguidance::Matcher;

/// A grammar and how far the answer has come in it.
pub(crate) struct Guided {
    matcher: Matcher,
    kind: &'static str,
    /// The mask at the beginning, which was computed to see whether there is any.
    first: Option<TokenMask>,
    /// Tokens taken so far.
    taken: usize,
    /// Items of the parser, over all steps.
    items: usize,
}

impl Guided {
    /// Computes the first mask.
    ///
    /// # Errors
    /// [`Error::Grammar`] if nothing can be said by the grammar.
    pub(crate) fn new(matcher: Matcher, kind: &'static str) -> Result<Self, Error> {
        let mut guided = Self { matcher, kind, first: None, taken: 0, items: 0 };
        let mask = guided.computed().map_err(|reason| Error::grammar(kind, reason))?;
        guided.first = Some(mask);
        Ok(guided)
    }

    /// The same at the same place, with nothing shared: what one answer does never shows in another.
    pub(crate) fn copied(&self) -> Self {
        Self { matcher: self.matcher.deep_clone(), kind: self.kind, first: self.first.clone(), ..*self }
    }

    /// Takes the first token that may come, some times, so that a grammar whose first steps are beyond its limits is refused
    /// and not begun.
    ///
    /// # Errors
    /// [`Error::Grammar`] with the limit that was met.
    pub(crate) fn probe(mut self, steps: usize) -> Result<(), Error> {
        for _ in 0..steps {
            if self.is_over() {
                return Ok(());
            }
            let mask = self.matcher.compute_mask();
            let mask = mask.map_err(|error| Error::grammar(self.kind, compile::sentence(&error)))?;
            let first = (0u32..).step_by(32).zip(mask.as_slice()).find(|(_, word)| **word != 0);
            let Some(id) = first.map(|(id, word)| id + word.trailing_zeros()) else { return Ok(()) };
            let taken = self.matcher.consume_token(id);
            taken.map_err(|error| Error::grammar(self.kind, compile::sentence(&error)))?;
        }
        Ok(())
    }

    /// Counts what the parser keeps for good of the tokens taken.
    fn keep(&mut self) -> Result<(), ConstraintError> {
        self.items = self.items.saturating_add(self.matcher.last_step_stats().map_or(0, |stats| stats.all_items));
        if self.items > MAX_ANSWER_ITEMS {
            return Err(self.stopped("it is too ambiguous for an answer of this length"));
        }
        Ok(())
    }

    fn computed(&mut self) -> Result<TokenMask, String> {
        if self.is_over() {
            return Ok(TokenMask::default());
        }
        let mask = self.matcher.compute_mask().map_err(|error| compile::sentence(&error))?;
        Ok(TokenMask::from_words(mask.as_slice().to_vec()))
    }

    /// True if the grammar has come to its end and nothing can follow.
    fn is_over(&self) -> bool {
        !self.matcher.is_error() && self.matcher.is_stopped() && self.matcher.stop_reason().is_ok()
    }

    fn stopped(&self, reason: &str) -> ConstraintError {
        ConstraintError(format!("the {} cannot go on after {} tokens: {reason}", self.kind, self.taken))
    }
}

impl Constraint for Guided {
    fn mask(&mut self) -> Result<Option<TokenMask>, ConstraintError> {
        let mask = match self.first.take() {
            Some(mask) => mask,
            None => self.computed().map_err(|reason| self.stopped(&reason))?,
        };
        Ok(Some(mask))
    }

    fn accept(&mut self, id: u32) -> Result<(), ConstraintError> {
        self.first = None;
        if self.is_over() {
            return Err(self.stopped("it is complete, and nothing may follow"));
        }
        let taken = self.matcher.consume_token(id);
        taken.map_err(|error| self.stopped(&format!("token {id} is refused ({})", compile::sentence(&error))))?;
        self.taken += 1;
        self.keep()
    }

    fn forced(&mut self) -> Vec<u32> {
        if self.matcher.is_stopped() { Vec::new() } else { self.matcher.compute_ff_tokens() }
    }

    fn could_follow(&mut self, tokens: &[u32]) -> usize {
        if self.matcher.is_stopped() { 0 } else { self.matcher.validate_tokens(tokens).unwrap_or(0) }
    }

    fn fork(&self) -> Option<Box<dyn Constraint>> {
        Some(Box::new(self.copied()))
    }

    fn may_end(&mut self) -> bool {
        self.is_over() || (!self.matcher.is_error() && self.matcher.is_accepting().unwrap_or(false))
    }
}

impl std::fmt::Debug for Guided {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Guided").field("kind", &self.kind).field("taken", &self.taken).finish_non_exhaustive()
    }
}
