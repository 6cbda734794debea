//! A job on its way: waiting, running, interrupted and running again.

use super::memory::Table;
use super::pooling::Pool;
use super::{Job, Key, Kind, MAX_PRIORITY};
use crate::generation::{Answering, Error};
use std::convert::Infallible;
use std::time::Duration;

/// Waiting so long counts as one step of priority.
const AGING: Duration = Duration::from_secs(10);

/// A job that was taken.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) key: Key,
    pub(super) client: u64,
    pub(super) priority: i32,
    pub(super) deadline: Option<Duration>,
    submitted: Duration,
    pub(super) answering: Answering,
    /// Where a vector is wanted and not an answer.
    pub(super) pool: Option<Pool>,
    /// Its pages, while it runs.
    pub(super) table: Table,
    /// Its tokens in the cache.
    pub(super) cached: usize,
    /// Guesses at the tokens after its last, computed with the next part.
    pub(super) guesses: Vec<u32>,
    /// Its priority when it last left the queue, what it had waited included. Higher is interrupted later.
    pub(super) rank: i64,
    /// Tokens of the answer since it last left the queue.
    pub(super) turn: usize,
    pub(super) is_started: bool,
    /// Tokens of the prompt that were reported as computed, with their rows if those were wanted.
    pub(super) reported: usize,
    /// Most tokens that were ever in the cache.
    pub(super) furthest: usize,
}

impl Member {
    pub(super) fn new(
        key: Key,
        job: Job,
        now: Duration,
        vocabulary: usize,
        capacity: usize,
    ) -> Result<Self, Error<Infallible>> {
        let pool = match job.kind {
            Kind::Answer => None,
            Kind::Embedding(pooling) => Some(Pool::new(pooling)),
        };
        Ok(Self {
            key,
            client: job.client,
            priority: job.priority.clamp(-MAX_PRIORITY, MAX_PRIORITY),
            deadline: job.deadline,
            submitted: now,
            answering: Answering::new(job.request, job.constraint, vocabulary, capacity)?,
            pool,
            table: Table::default(),
            cached: 0,
            guesses: Vec::new(),
            rank: 0,
            turn: 0,
            is_started: false,
            reported: 0,
            furthest: 0,
        })
    }

    /// Its priority with what it has waited.
    pub(super) fn aged(&self, now: Duration) -> i64 {
        let waited = now.saturating_sub(self.submitted).as_secs() / AGING.as_secs();
        i64::from(self.priority).saturating_add(i64::try_from(waited).unwrap_or(i64::MAX))
    }

    /// Tokens that are not computed yet.
    pub(super) fn pending(&self) -> usize {
        self.answering.tokens().len().saturating_sub(self.cached)
    }

    /// Whether it works at its prompt, or at what an interruption has cost it.
    pub(super) fn is_prefilling(&self) -> bool {
        self.cached < self.answering.prompt().len() || self.cached < self.furthest
    }

    /// Whether a row of every token of the prompt is wanted.
    pub(super) fn wants_all(&self) -> bool {
        self.pool.as_ref().map_or(self.answering.all_logits(), Pool::wants_all)
    }

    /// How many of its tokens may come out of the cache: not the last, whose logits choose the next, nor any whose row
    /// is wanted and was not reported.
    pub(super) fn reusable(&self) -> usize {
        let most = self.answering.tokens().len().saturating_sub(1);
        let is_reported = self.reported == self.answering.prompt().len();
        if self.wants_all() && !is_reported { most.min(self.reported) } else { most }
    }

    /// How many of the last of `tokens` further tokens have rows that are wanted, without guesses.
    pub(super) fn rows(&self, tokens: usize) -> usize {
        let (total, end) = (self.answering.prompt().len(), self.cached + tokens);
        if self.wants_all() && self.reported < total {
            // Until the prompt is done there is no answer, so no part goes over its end.
            return end.min(total).saturating_sub(self.reported.max(self.cached));
        }
        usize::from(end == self.answering.tokens().len())
    }

    /// The most protected first.
    pub(super) fn order(&self) -> (std::cmp::Reverse<i64>, Key) {
        (std::cmp::Reverse(self.rank), self.key)
    }
}
