//! Verification of an answer against its prompt, settings and seed: every choice of it made again, in one prefill.
//!
//! The logits of a position do not depend on how the tokens before it were cut into calls, and a choice depends on
//! logits, history, settings and position alone. So the choices of a finished answer are made again in any order: prompt
//! and answer go through the model like a prompt, and each row of logits must choose the token that follows it.
//!
//! [`Claim::job`] makes a job for the [`scheduler`](crate::scheduler) of it, which ends with
//! [`Event::Verdict`](crate::scheduler::Event::Verdict).

mod ending;
mod replay;
mod rows;
#[cfg(test)]
mod tests;

use crate::constraint::Constraint;
use crate::request::{FinishReason, Request, RequestError};
use crate::sampling::History;
use crate::scheduler::Failure;
use hefu_numerics::team::Team;
use replay::{Decision, Replay};

/// An answer and what it is said to have come from.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Prompt, settings, end tokens and limit. Of [`Request::prefill_chunk`] and [`Request::all_logits`] the first is
    /// how many tokens are computed at once here, and the second means nothing.
    pub request: Request,
    /// The tokens of the answer, with the one that ended it.
    pub output: Vec<u32>,
    /// Reason why the answer is over.
    pub finish: FinishReason,
    /// Positions that prompt and answer had together at most.
    pub context: usize,
}

/// Way of making the choices again. The verdict is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// As many positions at once as the request's chunk says.
    Prefill,
    /// One token of the answer after another, as it was made.
    Steps,
}

/// Verdict of a verification.
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
    /// Index of the token in the answer, from 0.
    pub index: usize,
    /// Tokens before it, those of the prompt included.
    pub position: usize,
    /// The token that was claimed.
    pub claimed: Candidate,
    /// The token that follows; `None` if a grammar allows none but the end.
    pub chosen: Option<Candidate>,
    /// True if a grammar left no choice.
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

/// Claims about the answer to a job's request.
#[derive(Clone, Debug, PartialEq)]
pub struct Claimed {
    pub(crate) output: Vec<u32>,
    pub(crate) finish: FinishReason,
    pub(crate) context: usize,
    pub(crate) how: How,
}

/// A claim under examination.
#[derive(Debug)]
pub(crate) struct Verification {
    request: Request,
    claimed: Claimed,
    /// The way through the grammar, as far as the answer was examined.
    replay: Replay,
    /// The tokens before the next one that is to be examined.
    history: History,
    /// Tokens of the answer that were examined.
    examined: usize,
    forced: usize,
}

impl Verification {
    /// Takes a claim after checking that it could be one. The request's prompt becomes the text whose rows are examined:
    /// prompt and answer but for the answer's last token, which nothing follows.
    pub(crate) fn new(
        claimed: Claimed,
        request: &mut Request,
        constraint: Option<Box<dyn Constraint>>,
        vocabulary: usize,
    ) -> Result<Self, RequestError> {
        let (prompt, tokens) = (request.prompt.len(), request.prompt.len() + claimed.output.len());
        if prompt == 0 {
            return Err(RequestError::EmptyPrompt);
        }
        if prompt >= claimed.context {
            return Err(RequestError::PromptTooLong { prompt, context: claimed.context });
        }
        if tokens > claimed.context {
            return Err(RequestError::TooLong { tokens, context: claimed.context });
        }
        if let Some(&id) = claimed.output.iter().find(|&&id| id as usize >= vocabulary) {
            return Err(RequestError::UnknownToken { id, vocabulary });
        }
        let original = request.clone();
        request.prompt.extend(claimed.output.iter().take(claimed.output.len().saturating_sub(1)));
        let history = History::new(&original.prompt);
        let replay = Replay::new(constraint, &original, vocabulary);
        Ok(Self { request: original, claimed, replay, history, examined: 0, forced: 0 })
    }

    /// The first position whose row chose a token of the answer: the last of the prompt.
    pub(crate) fn first_row(&self) -> usize {
        self.request.prompt.len() - usize::from(!self.claimed.output.is_empty())
    }

    /// Tokens of the next pass, if it may have `chunk`.
    pub(crate) fn chunk(&self, cached: usize, chunk: usize) -> usize {
        match self.claimed.how {
            How::Prefill => chunk,
            // The last of the prompt is a step of its own kind in both ways: its row chooses the first token.
            How::Steps => chunk.min(self.request.prompt.len().saturating_sub(cached).max(1)),
        }
    }

    /// Makes the choices of the next `rows` positions again; the first that is another than the claimed one.
    pub(crate) fn examine(
        &mut self,
        logits: &[f32],
        rows: usize,
        team: &dyn Team,
    ) -> Result<Option<Difference>, Failure> {
        let from = self.examined;
        let output = self.claimed.output.get(from..from + rows).unwrap_or_default();
        let decisions = output.iter().map_while(|&id| self.replay.next(id, &self.request).transpose());
        let decisions = decisions.collect::<Result<Vec<_>, _>>()?;
        let group = rows::Group { logits, output, decisions: &decisions, history: &self.history };
        if let Some((at, mut difference)) = group.first_difference(&self.request.parameters, team)? {
            difference.index = from + at;
            return Ok(Some(difference));
        }
        self.forced += decisions.iter().filter(|decision| matches!(decision, Decision::Forced(_))).count();
        output.iter().for_each(|&id| self.history.push(id));
        self.examined += output.len();
        Ok(None)
    }

    /// The verdict once all choices are found right.
    pub(crate) fn verdict(&mut self) -> Result<Verdict, Failure> {
        let is_complete = self.claimed.finish == FinishReason::Complete && self.replay.is_complete()?;
        let ending = ending::problem(&self.request, &self.claimed, is_complete);
        let chosen = self.examined - self.forced;
        Ok(ending.map_or(Verdict::Matches { chosen, forced: self.forced }, Verdict::EndsOtherwise))
    }
}
