//! Many requests at once, as pure steps: one forward pass per step for all of them, so that each weight is read once.
//!
//! ```text
//! submit ─▶ Queue ── admit ─▶ running ── plan ─▶ Share … ── compute ─▶ Event …
//!              ▲                 │ one for each job    one pass, then the choices
//!              └── interrupt ────┘ when pages or places are needed
//! ```
//!
//! Jobs join and leave between steps, each with its own settings, seed, constraint, end tokens and limits. Every answer
//! is the one that its request has alone: a batch never changes a bit, a page of the cache holds the same whoever
//! computed it, and what was dropped is computed again to the same bits. So all that is decided here (who comes next,
//! how much of a prompt at once, which pages stay) is about time alone.
//!
//! * `queue`: fairness between clients, priorities; `budget`: the tokens of a pass; `plan`: who runs, and interruptions;
//! * `sharing`: of prompts that begin alike, one computes the beginning and the others go on after it;
//! * `memory`: pages, shared by a radix tree over token ids;
//! * `pass`: the forward pass, with masks computed beside it; `choose`: the choices, spread over threads.
//!
//! There is no clock here: the time is an argument, a [`Duration`] since any moment that the caller chooses.

mod budget;
mod choose;
mod event;
mod forward;
mod job;
mod limits;
mod member;
mod memory;
mod paged;
mod pass;
mod plan;
mod pooling;
mod queue;
mod sharing;
mod statistics;

pub use event::{Event, Failure, What};
pub use forward::{ForwardMany, Logits, Part};
pub use job::{Job, Key, Kind, MAX_PRIORITY, Pooling, Refusal};
pub use limits::Limits;
pub use paged::Paged;
pub use pass::ROWS_AT_ONCE;
pub use statistics::Statistics;

use choose::Workplaces;
use member::Member;
use memory::Memory;
use queue::Queue;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

/// Jobs that are answered together.
#[derive(Debug)]
pub struct Scheduler<M> {
    model: M,
    limits: Limits,
    /// Most positions of one sequence.
    capacity: usize,
    memory: Memory,
    queue: Queue,
    /// The most protected first.
    running: Vec<Member>,
    /// Jobs of a pass that failed, to be tried one by one.
    suspects: VecDeque<Key>,
    workplaces: Workplaces,
    statistics: Statistics,
}

impl<M: ForwardMany> Scheduler<M> {
    /// A scheduler without jobs. All pages of the model are its own to use.
    pub fn new(model: M, limits: Limits) -> Self {
        let memory = Memory::new(model.pages(), model.page(), limits.prefix_reuse);
        // So that a job alone always has the pages that it needs.
        let capacity = model.capacity().min(model.pages().saturating_mul(model.page()));
        Self {
            model,
            limits,
            capacity,
            memory,
            queue: Queue::default(),
            running: Vec::new(),
            suspects: VecDeque::new(),
            workplaces: Workplaces::default(),
            statistics: Statistics::default(),
        }
    }

    /// The model.
    pub fn model(&self) -> &M {
        &self.model
    }

    /// Most positions of one sequence, prompt and answer together: no more than the cache has in all.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Takes a job. Nothing is computed and no memory taken yet.
    ///
    /// # Errors
    /// A full queue, or a job that cannot be carried out: a prompt that is empty, names an unknown token or leaves no
    /// room for an answer, or settings out of range.
    pub fn submit(&mut self, job: Job, now: Duration) -> Result<Key, Refusal> {
        let key = Key(self.statistics.submitted);
        let member = Member::new(key, job, now, self.model.vocabulary(), self.capacity)?;
        if self.queue.len() >= self.limits.queued {
            self.statistics.refused += 1;
            return Err(Refusal::QueueFull { queued: self.queue.len() });
        }
        self.statistics.submitted += 1;
        self.queue.enter(member);
        Ok(key)
    }

    /// Gives a job up; one that is over is passed over. It has no further event.
    pub fn cancel(&mut self, key: Key) {
        if let Some(member) = self.queue.remove(key) {
            self.queue.leave(member.client);
        } else if self.running.iter().any(|member| member.key == key) {
            self.stop(key);
        } else {
            return;
        }
        self.statistics.cancelled += 1;
    }

    /// Goes one step further: ends what is late, starts what there is room for, and makes one forward pass, in which
    /// each answer gets its next token and prompts share the rest of [`Limits::step_tokens`]. Never fails as a whole;
    /// what goes wrong with a job is in its event. `now` never goes back.
    pub fn step(&mut self, now: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        self.expire(now, &mut events);
        self.admit(now, &mut events);
        self.share(&mut events);
        let plan = self.plan();
        if !plan.is_empty() {
            self.compute(&plan, &mut events);
        }
        self.queue.settle();
        events
    }

    /// The logits (`[rows][vocabulary]`) of some of the last step's rows.
    ///
    /// # Errors
    /// What the model reports: a NaN, or rows that are not there.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], M::Error> {
        self.model.logits(rows).map(|logits| logits.values)
    }

    /// Whether no job waits or runs.
    pub fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.running.is_empty()
    }

    /// What was done and is held.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            running: self.running.len(),
            waiting: self.queue.len(),
            pages: self.memory.total(),
            pages_used: self.memory.used(),
            pages_cached: self.memory.kept(),
            ..self.statistics
        }
    }

    /// Whether the books are right.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.memory.check(self.running.iter().map(|member| &member.table));
        self.queue.check(&self.running);
        assert!(self.running.is_sorted_by_key(Member::order), "the order of protection");
        assert!(self.running.len() <= self.limits.running.max(1) && self.queue.len() <= self.limits.queued + 64);
    }
}
