//! A job on its way: waiting, running, interrupted and running again.

use super::memory::{Domain, Table};
use super::reading::Reader;
use super::{Abilities, Event, Job, Key, Kind, MAX_PRIORITY, ReuseDomain, Update};
use crate::request::RequestError;
use crate::sequence::Sequence;
use crate::speculation::Guesses;
use crate::trace::Piece;
use hefu_numerics::program::Order;
use std::ops::Range;
use std::time::Duration;

/// Waiting so long counts as one step of priority.
const AGING: Duration = Duration::from_secs(10);

/// A job that was taken.
#[derive(Debug)]
pub(super) struct ScheduledSequence {
    pub(super) key: Key,
    pub(super) client: u64,
    pub(super) domain: Domain,
    pub(super) priority: i32,
    pub(super) deadline: Option<Duration>,
    submitted: Duration,
    pub(super) sequence: Sequence,
    /// Purpose of its rows.
    pub(super) reader: Reader,
    /// True if it gets the digests of what layers hand on at all its positions.
    pub(super) is_traced: bool,
    /// Those of the last pass that nobody was told yet, with those of guesses.
    pub(super) untold: Option<Piece>,
    /// Its pages, while it runs.
    pub(super) table: Table,
    /// Its tokens in the cache.
    pub(super) cached: usize,
    /// Guesses at the tokens after its last, and how well they were right so far.
    pub(super) guesses: Guesses,
    /// Its priority when it last left the queue, what it had waited included. Among the jobs of its client, higher is
    /// interrupted later.
    pub(super) rank: i64,
    /// Time when it last left the queue, counted in such events. Earlier is interrupted later.
    pub(super) seniority: u64,
    /// Tokens of the answer since it last left the queue.
    pub(super) turn: usize,
    pub(super) is_started: bool,
    /// Tokens of the prompt that were reported as computed, with their rows if those were wanted.
    pub(super) reported: usize,
    /// Most tokens that were ever in the cache.
    pub(super) furthest: usize,
}

impl ScheduledSequence {
    pub(super) fn new(
        key: Key,
        mut job: Job,
        now: Duration,
        vocabulary: usize,
        capacity: usize,
        abilities: Abilities,
    ) -> Result<Self, RequestError> {
        // A vector needs no room for a token after it, but a prompt that has none could be no answer's either.
        let answers = matches!(job.kind, Kind::Answer | Kind::Embedding(_) | Kind::Rank { .. });
        let answers = answers && abilities.order == Order::Causal;
        let is_traced = abilities.traces && matches!(job.kind, Kind::Answer | Kind::Verification(_));
        let reader = Reader::new(job.kind, &mut job.request, &mut job.constraint, vocabulary, abilities)?;
        let domain = match job.domain {
            ReuseDomain::Client => Domain::Client(job.client),
            ReuseDomain::Group(group) => Domain::Group(group),
        };
        let sequence = Sequence::new(job.request, job.constraint, vocabulary, capacity, answers)?;
        let sequence = sequence.answered(&job.answered, vocabulary, capacity)?;
        // Tokens that another one has computed are computed again here, like after an interruption; but their digests
        // are new.
        let is_moved = !job.answered.is_empty();
        let furthest = if is_moved && !is_traced { sequence.tokens().len().saturating_sub(1) } else { 0 };
        let reported = if is_moved { sequence.prompt().len() } else { 0 };
        Ok(Self {
            key,
            client: job.client,
            domain,
            priority: job.priority.clamp(-MAX_PRIORITY, MAX_PRIORITY),
            deadline: job.deadline,
            submitted: now,
            sequence,
            reader,
            is_traced,
            untold: None,
            table: Table::default(),
            cached: 0,
            guesses: Guesses::default(),
            rank: 0,
            seniority: 0,
            turn: 0,
            is_started: false,
            reported,
            furthest,
        })
    }

    /// Its priority with what it has waited.
    pub(super) fn aged(&self, now: Duration) -> i64 {
        let waited = now.saturating_sub(self.submitted).as_secs() / AGING.as_secs();
        i64::from(self.priority).saturating_add(i64::try_from(waited).unwrap_or(i64::MAX))
    }

    /// Tokens that are not computed yet.
    pub(super) fn pending(&self) -> usize {
        self.sequence.tokens().len().saturating_sub(self.cached)
    }

    /// True if it works at its prompt, or at what an interruption has cost it.
    pub(super) fn is_prefilling(&self) -> bool {
        self.cached < self.sequence.prompt().len() || self.cached < self.furthest
    }

    /// The positions of the prompt whose rows are wanted.
    fn wanted_of_prompt(&self) -> Range<usize> {
        self.reader.wanted(self.sequence.prompt().len(), self.sequence.all_logits())
    }

    /// Number of its tokens that may come from the cache: not the last, whose logits choose the next, nor any whose row
    /// is wanted and was not reported.
    pub(super) fn reusable(&self) -> usize {
        let most = self.sequence.tokens().len().saturating_sub(1);
        // Tokens that others computed have left it no digests.
        let most = if self.is_traced { most.min(self.furthest) } else { most };
        let is_reported = self.reported == self.sequence.prompt().len();
        if is_reported { most } else { most.min(self.reported.max(self.wanted_of_prompt().start)) }
    }

    /// Range of `tokens` further tokens, counted from the first, whose rows are wanted, without guesses.
    pub(super) fn wanted(&self, tokens: usize) -> Range<usize> {
        let (total, end) = (self.sequence.prompt().len(), self.cached + tokens);
        if self.reported < total {
            // Until the prompt is done there is no answer, so no part goes over its end.
            let wanted = self.wanted_of_prompt();
            let first = self.reported.max(self.cached).max(wanted.start);
            let last = end.min(total).min(wanted.end).max(self.cached);
            return first.min(last) - self.cached..last - self.cached;
        }
        tokens - usize::from(end == self.sequence.tokens().len())..tokens
    }

    /// Range of `tokens` further tokens that are computed for the first time, if their digests are to be taken.
    pub(super) fn traced(&self, tokens: usize) -> Range<usize> {
        let first = if self.is_traced { self.furthest.saturating_sub(self.cached).min(tokens) } else { tokens };
        first..tokens
    }

    /// The digests of the last pass, of positions that are in the cache to stay.
    pub(super) fn tell_trace(&mut self) -> Option<Update> {
        let Piece { position, trace } = self.untold.take()?;
        let trace = trace.first(self.cached.saturating_sub(position));
        Some(Update { key: self.key, event: Event::Traced(Piece { position, trace }), rows: 0..0 })
    }

    /// The most protected of its client first.
    pub(super) fn order(&self) -> (std::cmp::Reverse<i64>, Key) {
        (std::cmp::Reverse(self.rank), self.key)
    }
}
