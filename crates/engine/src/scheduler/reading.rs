//! Rows from which no token is chosen: likelihoods, vectors, logits.

use super::pooling::Pool;
use super::{Abilities, Event, Failure, ForwardMany, Kind, Scheduler};
use crate::constraint::Constraint;
use crate::perplexity::{likelihoods, scored_tokens};
use crate::request::{FinishReason, Request, RequestError};
use crate::verification::{Verdict, Verification};
use hefu_numerics::program::Order;
use std::ops::Range;

/// Rows of logits that are computed and read together; bounds the memory, changes nothing else.
const READ_AT_ONCE: usize = 32;

/// Purpose of a job's rows.
#[derive(Debug)]
pub(super) enum Reader {
    /// Choices.
    Answer,
    /// A vector.
    Vector(Pool),
    /// Scores of the classifier: by the row of the first position of a text that is read as a whole, or by the last.
    Rank { order: Order, second: Option<usize> },
    /// Whoever asks, from this position on.
    Rows(usize),
    /// Hands the rows of logits of the positions from this one on out.
    Logits(usize),
    /// The scores of `targets`, which follow the positions from `first` on, with so many of the likeliest tokens in each
    /// place if an answer's log-probabilities are wanted.
    Likelihoods { first: usize, targets: Vec<u32>, scored: usize, alternatives: Option<u32> },
    /// The choices of a finished answer.
    Verification(Box<Verification>),
}

impl Reader {
    /// The reader of a kind of job; the request's prompt becomes the text that is to be computed.
    pub(super) fn new(
        kind: Kind,
        request: &mut Request,
        constraint: &mut Option<Box<dyn Constraint>>,
        vocabulary: usize,
        abilities: Abilities,
    ) -> Result<Self, RequestError> {
        match kind {
            Kind::Rank { .. } if !abilities.ranks => return Err(RequestError::RanksNothing),
            Kind::Rank { .. } | Kind::Embedding(_) => {}
            _ if !abilities.writes => return Err(RequestError::WritesNothing),
            _ => {}
        }
        Ok(match kind {
            Kind::Answer => Self::Answer,
            Kind::Embedding(pooling) => Self::Vector(Pool::new(pooling)),
            Kind::Rank { second } => Self::Rank { order: abilities.order, second },
            Kind::Rows { from } => Self::Rows(from),
            Kind::Logits { from } => Self::Logits(from),
            Kind::Likelihoods { from } => {
                let first = from.max(1).min(request.prompt.len());
                let targets = request.prompt.split_off(first);
                if let Some(&id) = targets.iter().find(|&&id| id as usize >= vocabulary) {
                    return Err(RequestError::UnknownToken { id, vocabulary });
                }
                // The last token predicts nothing that is scored.
                request.prompt.extend(targets.iter().take(targets.len().saturating_sub(1)));
                let alternatives = request.parameters.logprobs;
                Self::Likelihoods { first: first.saturating_sub(1), targets, scored: 0, alternatives }
            }
            Kind::Verification(claimed) => {
                Self::Verification(Box::new(Verification::new(*claimed, request, constraint.take(), vocabulary)?))
            }
        })
    }

    /// True if tokens are chosen.
    pub(super) fn is_answer(&self) -> bool {
        matches!(self, Self::Answer)
    }

    /// The positions of the text whose rows are wanted, of so many.
    pub(super) fn wanted(&self, length: usize, all_logits: bool) -> Range<usize> {
        let first = match self {
            Self::Vector(pool) => return pool.wanted(length),
            Self::Rank { order: Order::Whole, .. } => return 0..length.min(1),
            Self::Answer if all_logits => 0,
            Self::Answer | Self::Rank { order: Order::Causal, .. } => length.saturating_sub(1),
            Self::Rows(from) | Self::Logits(from) => *from,
            Self::Likelihoods { first, .. } => *first,
            Self::Verification(verification) => verification.first_row(),
        };
        first..length.max(first)
    }

    /// Beginning of the second of two texts.
    pub(super) fn second(&self) -> Option<usize> {
        if let Self::Rank { second, .. } = self { *second } else { None }
    }

    /// Most tokens of the text in the next pass.
    pub(super) fn chunk(&self, cached: usize, chunk: usize) -> usize {
        match self {
            Self::Verification(verification) => verification.chunk(cached, chunk),
            _ => chunk,
        }
    }
}

impl<M: ForwardMany> Scheduler<M> {
    /// Reads the rows of a job that is no answer; with the last of them it is over.
    pub(super) fn read(&mut self, index: usize, rows: Range<usize>, is_last: bool) -> Result<Vec<Event>, Failure> {
        let Self { model, running, .. } = self;
        let Some(scheduled) = running.get_mut(index) else { return Ok(Vec::new()) };
        let mut events = Vec::new();
        match &mut scheduled.reader {
            Reader::Answer => return Ok(events),
            Reader::Rows(_) => {}
            Reader::Logits(_) => {
                for rows in groups(rows) {
                    events.push(Event::Logits(model.logits(rows).map_err(|error| M::failure(&error))?.values.to_vec()));
                }
            }
            Reader::Vector(pool) => {
                if !rows.is_empty() {
                    pool.add(model.hidden(rows.clone()).map_err(|error| M::failure(&error))?, rows.len());
                }
                if is_last {
                    events.push(Event::Embedding(pool.vector()));
                }
            }
            Reader::Rank { .. } => {
                if !rows.is_empty() {
                    events.push(Event::Ranked(model.ranks(rows).map_err(|error| M::failure(&error))?.to_vec()));
                }
            }
            Reader::Likelihoods { targets, scored, alternatives, .. } => {
                for rows in groups(rows) {
                    let vocabulary = model.vocabulary();
                    let logits = model.logits(rows.clone()).map_err(|error| M::failure(&error))?;
                    let some = targets.get(*scored..*scored + rows.len()).unwrap_or_default();
                    *scored += rows.len();
                    if some.is_empty() {
                        continue;
                    }
                    let (values, team) = (logits.values, logits.team);
                    events.push(match *alternatives {
                        Some(count) => Event::Scored(scored_tokens(values, vocabulary, some, count, team)?),
                        None => Event::Likelihoods(likelihoods(values, vocabulary, some, team)?),
                    });
                }
            }
            Reader::Verification(verification) => {
                for rows in groups(rows) {
                    let logits = model.logits(rows.clone()).map_err(|error| M::failure(&error))?;
                    if let Some(difference) = verification.examine(logits.values, rows.len(), logits.team)? {
                        let verdict = Event::Verdict(Verdict::Differs(difference));
                        return Ok(vec![verdict, Event::Finished(FinishReason::Complete)]);
                    }
                }
                if is_last {
                    events.push(Event::Verdict(verification.verdict()?));
                }
            }
        }
        if is_last {
            events.push(Event::Finished(FinishReason::Complete));
        }
        Ok(events)
    }
}

/// These rows in groups that are read together.
fn groups(rows: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    rows.clone().step_by(READ_AT_ONCE).map(move |first| first..rows.end.min(first + READ_AT_ONCE))
}
