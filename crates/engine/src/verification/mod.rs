//! Whether an answer is the one that its prompt, settings and seed give: every choice of it made again, in one prefill.
//!
//! The logits of a position do not depend on how the tokens before it were cut into calls, and a choice depends on
//! logits, history, settings and position alone. So the choices of a finished answer are made again in any order: prompt
//! and answer go through the model like a prompt, and each row of logits must choose the token that follows it.
//!
//! ```text
//! Verification::start ── step ─▶ Progress … Progress ── step ─▶ Finished(Verdict)
//! ```

mod ending;
mod error;
mod replay;
mod rows;
#[cfg(test)]
mod tests;

pub use error::Error;

use crate::constraint::Constraint;
use crate::forward::{Forward, Session};
use crate::generation::{Answering, Finish, Request};
use crate::sampling::History;
use hefu_numerics::ops::Team;
use replay::{Decision, Replay};

/// Rows of logits that are computed and looked at together; bounds the memory, changes nothing else.
const ROWS_AT_ONCE: usize = 32;

/// An answer and what it is said to have come from.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Prompt, settings, end tokens and limit. Of [`Request::prefill_chunk`] and [`Request::all_logits`] the first is
    /// how many tokens are computed at once here, and the second means nothing.
    pub request: Request,
    /// The tokens of the answer, with the one that ended it.
    pub output: Vec<u32>,
    /// Why the answer is over; `None` if whoever asked ended it, by a stop string or by going away.
    pub finish: Option<Finish>,
    /// Positions that prompt and answer had together at most.
    pub context: usize,
}

/// How the choices are made again. The verdict is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As many positions at once as the request's chunk says.
    Prefill,
    /// One token of the answer after another, as it was made.
    Steps,
}

/// What came of a verification.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Every choice is the one that was claimed, and the answer ended where and as it is said to have.
    Matches {
        /// Tokens that were chosen again.
        chosen: usize,
        /// Tokens that a grammar left no choice for.
        forced: usize,
    },
    /// Another token would have been chosen; the first that differs.
    Differs(Difference),
    /// All tokens are right, but the answer cannot have ended so; a sentence says why.
    EndsOtherwise(String),
}

/// A token of an answer that is not the one that follows from what is before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Which token of the answer, from 0.
    pub index: usize,
    /// Tokens before it, those of the prompt included.
    pub position: usize,
    /// The token that was claimed.
    pub claimed: Candidate,
    /// The token that follows; `None` if a grammar allows none but the end.
    pub chosen: Option<Candidate>,
    /// Whether a grammar left no choice.
    pub forced: bool,
}

/// A token that was in the running.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The token.
    pub id: u32,
    /// Its logit as the model gave it; `None` if the model has no such token.
    pub logit: Option<f32>,
}

/// What one step brought.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Some positions were computed, and the choices at them were right.
    Progress {
        /// Positions that are done.
        done: usize,
        /// All positions.
        total: usize,
    },
    /// The verification is over; every further step says so again.
    Finished(Verdict),
}

/// A claim under examination.
#[derive(Debug)]
pub struct Verification<'s, M> {
    session: &'s mut Session<M>,
    claim: Claim,
    how: How,
    /// Prompt and answer but for the answer's last token, which nothing follows.
    tokens: Vec<u32>,
    /// The way through the grammar, as far as the answer was examined.
    replay: Replay,
    /// The tokens before the next one that is to be examined.
    history: History,
    /// Tokens of the answer that were examined.
    examined: usize,
    forced: usize,
    verdict: Option<Verdict>,
}

impl<'s, M: Forward> Verification<'s, M> {
    /// Takes a claim after checking that it can be examined. Of its grammar, if it had one, `constraint` is at the
    /// beginning. Nothing is computed yet; of the cache, what it has in common is kept.
    ///
    /// # Errors
    /// A request that could not have been carried out, tokens that the model does not have, or more of them than the
    /// cache holds.
    pub fn start(
        session: &'s mut Session<M>,
        claim: Claim,
        constraint: Option<Box<dyn Constraint>>,
        how: How,
    ) -> Result<Self, Error<M::Error>> {
        let (vocabulary, capacity) = (session.model().vocabulary(), session.model().capacity());
        let answering = Answering::new(claim.request.clone(), None, vocabulary, claim.context)?;
        let mut tokens = [answering.prompt(), &claim.output].concat();
        if let Some(&id) = claim.output.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(Error::UnknownToken { id, vocabulary });
        }
        if tokens.len() > claim.context {
            return Err(Error::TooLong { tokens: tokens.len(), context: claim.context });
        }
        if !claim.output.is_empty() {
            tokens.pop();
        }
        if tokens.len() > capacity {
            return Err(Error::TooLong { tokens: tokens.len(), context: capacity });
        }
        let history = History::new(answering.prompt());
        let replay = Replay::new(constraint, &claim.request, vocabulary);
        session.keep_common(&tokens, claim.request.prompt.len() - 1);
        Ok(Self { session, claim, how, tokens, replay, history, examined: 0, forced: 0, verdict: None })
    }

    /// Goes one step further; `team` shares the choices out among its threads.
    ///
    /// # Errors
    /// What the model reports, or logits from which no token can be chosen (a NaN above all).
    pub fn step(&mut self, team: &dyn Team) -> Result<Step, Error<M::Error>> {
        if self.verdict.is_none() && !self.is_computed() {
            let rows = self.compute()?;
            self.verdict = self.examine(rows, team)?.map(Verdict::Differs);
        }
        if self.verdict.is_none() && self.is_computed() {
            let is_complete = self.claim.finish == Some(Finish::Complete) && self.replay.is_complete()?;
            let ending = ending::problem(&self.claim, is_complete);
            let chosen = self.examined - self.forced;
            self.verdict =
                Some(ending.map_or(Verdict::Matches { chosen, forced: self.forced }, Verdict::EndsOtherwise));
        }
        Ok(match &self.verdict {
            Some(verdict) => Step::Finished(verdict.clone()),
            None => Step::Progress { done: self.session.cached().len(), total: self.tokens.len() },
        })
    }

    /// Whether all positions went through the model, or need not: an answer without tokens has nothing to examine.
    fn is_computed(&self) -> bool {
        self.claim.output.is_empty() || self.session.cached().len() >= self.tokens.len()
    }

    /// Computes the next positions; returns how many rows of logits came of it, each of which chose a token.
    fn compute(&mut self) -> Result<usize, Error<M::Error>> {
        let (from, last_of_prompt) = (self.session.cached().len(), self.claim.request.prompt.len() - 1);
        let chunk = match self.how {
            How::Steps if from > last_of_prompt => 1,
            // The last of the prompt is a step of its own kind in both ways: its row chooses the first token.
            How::Steps => self.claim.request.prefill_chunk.max(1).min(last_of_prompt + 1 - from),
            How::Prefill => self.claim.request.prefill_chunk.max(1),
        };
        let to = from.saturating_add(chunk).min(self.tokens.len());
        let rows = to.saturating_sub(from.max(last_of_prompt));
        let part = self.tokens.get(from..to).unwrap_or_default();
        self.session.extend(part, rows).map_err(Error::Model)?;
        Ok(rows)
    }

    /// Makes the choices of the last `rows` positions again; the first that is another than the claimed one.
    fn examine(&mut self, rows: usize, team: &dyn Team) -> Result<Option<Difference>, Error<M::Error>> {
        let mut first = 0;
        while first < rows {
            let last = rows.min(first + ROWS_AT_ONCE);
            let logits = self.session.logits(first..last).map_err(Error::Model)?;
            let from = self.examined;
            let output = self.claim.output.get(from..from + (last - first)).unwrap_or_default();
            let decisions = output.iter().map_while(|&id| self.replay.next(id, &self.claim.request).transpose());
            let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
            let group = rows::Group { logits, output, decisions: &decisions, history: &self.history };
            let found = group.first_difference(&self.claim.request.parameters, team)?;
            if let Some((at, mut difference)) = found {
                difference.index = from + at;
                return Ok(Some(difference));
            }
            self.forced += decisions.iter().filter(|decision| matches!(decision, Decision::Forced(_))).count();
            output.iter().for_each(|&id| self.history.push(id));
            self.examined += output.len();
            first = last;
        }
        Ok(None)
    }
}
