//! One request from prompt to answer, as pure steps: no thread, no clock, no text.
//!
//! ```text
//! Generation::start ── step ─▶ Prefill … Prefill ── step ─▶ Token … Token ── step ─▶ Finished
//! ```
//!
//! The caller decides whether to take the next step, so it stops an answer (a stop string, a person's Ctrl-C) by taking
//! none. What the cache holds stays true at every moment, and the next request goes on from what it has in common.
//! [`Generation::speculating`] makes the steps faster and nothing else.

mod answering;
mod error;
mod guessing;
mod guide;
#[cfg(test)]
pub(crate) mod tests;

pub(crate) use answering::{Answering, Unchosen};
pub use error::Error;
pub(crate) use guide::{Allowed, Guide, beside};

use crate::constraint::Constraint;
use crate::forward::{Forward, Session};
use crate::sampling::{Choice, Parameters, Scratch};
use crate::speculation::{Drafter, Gauge};
use guessing::Guessing;
use std::collections::BTreeSet;
use std::ops::Range;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt's tokens, at least one.
    pub prompt: Vec<u32>,
    /// How tokens are chosen.
    pub parameters: Parameters,
    /// Tokens that end the answer. The one that does is the last [`Step::Token`].
    pub end_tokens: BTreeSet<u32>,
    /// Most tokens of the answer; `None` leaves it to the end tokens and the context.
    pub max_tokens: Option<usize>,
    /// Tokens of the prompt per forward pass; 0 counts as 1. It changes the time and the memory, never a bit.
    pub prefill_chunk: usize,
    /// Compute the logits of every position of the prompt, not of the last alone. Nothing cached is used then.
    pub all_logits: bool,
}

/// Why an answer is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// An end token was chosen.
    EndToken,
    /// The answer has as many tokens as were asked for.
    MaxTokens,
    /// Prompt and answer fill the context.
    Context,
    /// The constraint allows nothing further, and there is no end token to say so.
    Complete,
    /// The job's deadline passed; what there is of the answer is true.
    Deadline,
}

/// What one step brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Part of the prompt was computed.
    Prefill {
        /// Tokens of the prompt in the cache now.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// The next token of the answer.
    Token(Choice),
    /// The answer is over; every further step says so again.
    Finished(Finish),
}

/// A request under way.
#[derive(Debug)]
pub struct Generation<'s, M> {
    session: &'s mut Session<M>,
    answering: Answering,
    /// Tokens of the prompt that were in the cache already.
    reused: usize,
    guessing: Option<Guessing<'s>>,
    scratch: Scratch,
    /// The last step's token was forced, and nothing computed.
    was_forced: bool,
}

impl<'s, M: Forward> Generation<'s, M> {
    /// Takes a request after checking that it can be carried out. Nothing is computed yet; of the cache, what it has in
    /// common with the prompt is kept.
    ///
    /// # Errors
    /// A prompt that is empty, names an unknown token or leaves no room for an answer, or settings out of range.
    pub fn start(session: &'s mut Session<M>, request: Request) -> Result<Self, Error<M::Error>> {
        Self::start_constrained(session, request, None)
    }

    /// As [`Generation::start`], with an answer that keeps to a constraint. Its masks are computed beside the forward
    /// passes, and tokens that it forces are appended without one of their own.
    ///
    /// # Errors
    /// As [`Generation::start`].
    pub fn start_constrained(
        session: &'s mut Session<M>,
        request: Request,
        constraint: Option<Box<dyn Constraint>>,
    ) -> Result<Self, Error<M::Error>> {
        let (vocabulary, capacity) = (session.model().vocabulary(), session.model().capacity());
        let answering = Answering::new(request, constraint, vocabulary, capacity)?;
        let reused = session.keep_common(answering.prompt(), answering.reusable());
        Ok(Self { session, answering, reused, guessing: None, scratch: Scratch::default(), was_forced: false })
    }

    /// Has `drafter` guess at tokens of the answer, as many as `gauge` says, and checks several in one forward pass. A
    /// guess is taken where it is the token that would have been chosen without it, so that tokens, logits and the
    /// number of steps are the same as without; only their time changes.
    #[must_use]
    pub fn speculating(mut self, drafter: &'s mut (dyn Drafter + 's), gauge: &'s mut Gauge) -> Self {
        self.guessing = Some(Guessing::new(drafter, gauge));
        self
    }

    /// Goes one step further.
    ///
    /// # Errors
    /// What the model reports, or logits from which no token can be chosen (a NaN above all).
    pub fn step(&mut self) -> Result<Step, Error<M::Error>> {
        self.was_forced = false;
        let (cached, total) = (self.session.cached().len(), self.answering.prompt().len());
        if let Some(part) = self.answering.prefill(cached, self.answering.prefill_chunk()) {
            self.session.extend(part.tokens, part.rows).map_err(Error::Model)?;
            return Ok(Step::Prefill { done: self.session.cached().len(), total });
        }
        if let Some(finish) = self.answering.finish(self.session.model().capacity()) {
            return Ok(Step::Finished(finish));
        }
        if let Some(choice) = self.answering.forced().transpose()? {
            self.was_forced = true;
            if let Some(guessing) = &mut self.guessing {
                guessing.pass_over(self.session, choice.id);
            }
            return Ok(Step::Token(choice));
        }
        match self.decode()? {
            Some(choice) => Ok(Step::Token(choice)),
            None => Ok(Step::Finished(Finish::Complete)),
        }
    }

    /// Tells the seconds that the last step took, by which speculation judges whether it pays.
    pub fn took(&mut self, seconds: f64) {
        if let Some(guessing) = &mut self.guessing {
            guessing.took(seconds);
        }
    }

    /// How many positions' logits the last step made available: that of the token's predecessor, that of the prompt's
    /// last token, or with [`Request::all_logits`] those of all tokens of the prompt's part; none after a forced token.
    pub fn rows(&self) -> usize {
        if self.was_forced {
            return 0;
        }
        let guessed = self.guessing.as_ref().and_then(Guessing::chosen_by);
        if guessed.is_some() { 1 } else { self.session.rows() }
    }

    /// Those logits: `[rows][vocabulary]`.
    ///
    /// # Errors
    /// What the model reports: a NaN above all.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Error<M::Error>> {
        match self.guessing.as_ref().and_then(Guessing::chosen_by) {
            Some(row) if rows == (0..1) => Ok(row),
            _ => self.session.logits(rows).map_err(Error::Model),
        }
    }

    /// Tokens of the prompt that were in the cache already.
    pub fn reused(&self) -> usize {
        self.reused
    }

    /// Computes the last tokens of the answer, if there are some that are not in the cache yet, and chooses the next;
    /// `None` if the constraint allows none.
    fn decode(&mut self) -> Result<Option<Choice>, Error<M::Error>> {
        let mut guide = self.answering.guide().take();
        let computed = beside(guide.iter_mut().collect(), || self.compute());
        *self.answering.guide() = guide;
        computed.map_err(Error::Model)?;
        let rows = self.session.rows();
        let row = match self.guessing.as_ref().and_then(Guessing::chosen_by) {
            Some(row) => row,
            None => self.session.logits(rows.saturating_sub(1)..rows).map_err(Error::Model)?,
        };
        let choice = self.answering.choose(row, &mut self.scratch)?;
        if let (Some(guessing), Some(choice)) = (&mut self.guessing, &choice) {
            guessing.compare(self.session, choice.id);
        }
        Ok(choice)
    }

    fn compute(&mut self) -> Result<(), M::Error> {
        if let Some(guessing) = &mut self.guessing {
            return if guessing.next_row(self.session) {
                Ok(())
            } else {
                guessing.compute(self.session, &self.answering)
            };
        }
        match self.answering.waiting(self.session.cached().len()) {
            [] => Ok(()),
            waiting => self.session.extend(waiting, 1),
        }
    }
}
