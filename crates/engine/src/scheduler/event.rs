//! Events of jobs, step by step.

use super::{Failure, Key};
use crate::request::FinishReason;
use crate::sampling::Choice;
use crate::trace::Piece;
use crate::verification::Verdict;
use std::ops::Range;

/// An event of one job, and the rows of logits that belong to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// The job.
    pub key: Key,
    /// The event.
    pub event: Event,
    /// Rows of [`Scheduler::logits`](super::Scheduler::logits) that belong to it until the next step: those of the part
    /// of the prompt whose logits were wanted, or the one that chose the token. Empty where nothing was computed.
    pub rows: Range<usize>,
}

/// Events of a job. The last event of each is [`Event::Finished`] or [`Event::Failed`]; a job that was cancelled
/// has no further one.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// It has left the queue.
    Started {
        /// Tokens of its prompt that were in the cache already, left there by jobs of its own reuse domain.
        reused: usize,
    },
    /// Others of its reuse domain that run at the same time have computed what comes next in its prompt; it goes on after
    /// that.
    Shared {
        /// Tokens that it need not compute, none of which were counted before.
        reused: usize,
    },
    /// Part of its prompt was computed.
    Prefill {
        /// Tokens of the prompt in the cache now.
        done: usize,
        /// Tokens of the prompt.
        total: usize,
    },
    /// Digests of what layers hand on at the next positions, where the model keeps that. It comes before whatever came of
    /// these positions.
    Traced(Piece),
    /// The next token of its answer.
    Token(Choice),
    /// Its vector: of length 1, `[width]`. [`Event::Finished`] follows.
    Embedding(Vec<f32>),
    /// The scores of the model's classifier, `[classes]`. [`Event::Finished`] follows.
    Ranked(Vec<f32>),
    /// The next rows of logits, `[rows][vocabulary]`.
    Logits(Vec<f32>),
    /// The negative natural logarithms of the next tokens' probabilities.
    Likelihoods(Vec<f64>),
    /// The next tokens as if they had been chosen, with the log-probabilities that an answer would give them.
    Scored(Vec<Choice>),
    /// Verdict whether its answer is the one that was claimed. [`Event::Finished`] follows.
    Verdict(Verdict),
    /// It is over.
    Finished(FinishReason),
    /// It cannot go on.
    Failed(Failure),
}
