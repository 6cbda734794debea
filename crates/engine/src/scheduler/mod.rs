//! Many requests at once, as pure steps: one forward pass per step for all of them, so that each weight is read once.
//!
//! ```text
//! submit ─▶ Queue ── admit ─▶ running ── plan ─▶ Share … ── compute ─▶ Update …
//!              ▲                 │ one for each job    one pass, then the choices
//!              └── interrupt ────┘ when pages or places are needed
//! ```
//!
//! Jobs join and leave between steps, each with its own settings, seed, constraint, end tokens and limits. Every answer
//! is the one that its request has alone: a batch never changes a bit, a page of the cache holds the same whoever
//! computed it, and what was dropped is computed again to the same bits. So all that is decided here (who comes next,
//! how much of a prompt at once, which pages stay) is about time alone.
//!
//! A text that is read as a whole ([`Abilities::order`]) is one span of one pass; several go together, without padding.
//!
//! * `queue`: fairness between clients, priorities; `budget`: the tokens of a pass; `plan`: who runs, and interruptions;
//! * `sharing`: of prompts that begin alike, one computes the beginning and the others go on after it;
//! * `memory`: pages, shared by a radix tree over token ids, and slots of recurrent states;
//! * `guess`: guesses at tokens, computed where they pay; `masks`: what grammars allow, computed beside the passes;
//! * `pass`: the forward pass; `choose`: the choices, spread over threads; `reading`: rows that are no choices'.
//!
//! Nothing is decided by a clock: the time is an argument, a [`Duration`] since any moment that the caller chooses.

mod budget;
mod choose;
mod event;
mod failure;
mod forward;
mod guess;
mod job;
mod limits;
mod masks;
pub(crate) mod memory;
mod paged;
mod pass;
mod plan;
mod pooling;
mod queue;
mod reading;
mod scheduled;
mod sharing;
mod statistics;

pub use choose::ROWS_AT_ONCE;
pub use event::{Event, Update};
pub use failure::Failure;
pub use forward::{Abilities, ForwardMany, Logits, SlotPool};
pub use hefu_numerics::program::Order;
pub use job::{Job, Key, Kind, MAX_PRIORITY, Pooling, Refusal, ReuseDomain};
pub use limits::Limits;
pub use paged::Paged;
pub use statistics::Statistics;

use crate::speculation::Speculation;
use choose::SamplerScratch;
use masks::MaskWorkers;
use memory::Memory;
use queue::Queue;
use scheduled::ScheduledSequence;
use std::collections::{BTreeSet, VecDeque};
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
    running: Vec<ScheduledSequence>,
    /// Number of times that a job left the queue.
    admitted: u64,
    /// Jobs of a pass that failed, to be tried one by one.
    suspects: VecDeque<Key>,
    /// True if the next pass tries one of them, without guesses.
    is_isolating: bool,
    /// Passes in a row of which each found the states lost.
    losses: usize,
    masks: MaskWorkers,
    speculation: Option<Speculation<M>>,
    scratch: SamplerScratch,
    statistics: Statistics,
}

impl<M: ForwardMany> Scheduler<M> {
    /// A scheduler without jobs. All pages of the model are its own to use.
    pub fn new(model: M, limits: Limits) -> Self {
        let memory = Self::empty_memory(&model, &limits);
        // So that a job alone always has the pages that it needs.
        let capacity = model.capacity().min(model.pages().saturating_mul(model.page()));
        Self {
            model,
            limits,
            capacity,
            memory,
            queue: Queue::default(),
            running: Vec::new(),
            admitted: 0,
            suspects: VecDeque::new(),
            is_isolating: false,
            losses: 0,
            masks: MaskWorkers::new(),
            speculation: None,
            scratch: SamplerScratch::default(),
            statistics: Statistics::default(),
        }
    }

    /// The books of a model none of whose pages and slots hold anything.
    fn empty_memory(model: &M, limits: &Limits) -> Memory {
        // A text that is read as a whole is never continued.
        let reuse = limits.prefix_reuse && model.abilities().order == Order::Causal;
        Memory::new(model.pages(), model.page(), model.slots(), reuse)
    }

    /// The same with guesses at the tokens of answers, which change no token, only the time. Whoever drives it tells the
    /// time of each step ([`Scheduler::record_time`]); without that, guesses are made only where they always are.
    #[must_use]
    pub fn with_speculation(self, speculation: Speculation<M>) -> Self {
        Self { speculation: Some(speculation), ..self }
    }

    /// The same with masks that come late: after as many looks for each as `next` draws from a state.
    #[cfg(test)]
    pub(crate) fn with_delayed_masks(self, next: fn(&mut u64) -> usize, state: u64) -> Self {
        Self { masks: MaskWorkers::delayed(next, state), ..self }
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
    /// room for an answer, settings out of range, or what this model cannot do.
    pub fn submit(&mut self, job: Job, now: Duration) -> Result<Key, Refusal> {
        let key = Key(self.statistics.submitted);
        let scheduled =
            ScheduledSequence::new(key, job, now, self.model.vocabulary(), self.capacity, self.model.abilities())?;
        if self.queue.is_full_for(scheduled.client, self.limits.queued) {
            self.statistics.refused += 1;
            return Err(Refusal::QueueFull { queued: self.queue.len(), most: self.limits.queued });
        }
        self.statistics.submitted += 1;
        self.queue.enter(scheduled);
        Ok(key)
    }

    /// Gives a job up; one that is over is passed over. It has no further event.
    pub fn cancel(&mut self, key: Key) {
        if let Some(scheduled) = self.queue.remove(key) {
            self.queue.leave(scheduled.client);
        } else if self.running.iter().any(|scheduled| scheduled.key == key) {
            self.stop(key);
        } else {
            return;
        }
        self.statistics.cancelled += 1;
    }

    /// Gives up an answer that is to go on elsewhere, on another device or another machine: its tokens so far. With them as
    /// [`Job::answered`], the same request goes on there, to the same bits, as a choice depends on the text, the settings and
    /// the position alone. `None` for what is no answer, or is over. It has no further event here.
    pub fn withdraw(&mut self, key: Key) -> Option<Vec<u32>> {
        let running = self.running.iter().find(|scheduled| scheduled.key == key);
        let found = running.or_else(|| self.queue.get(key)).filter(|scheduled| scheduled.reader.is_answer())?;
        let answer = found.sequence.answer().to_vec();
        self.cancel(key);
        Some(answer)
    }

    /// Goes one step further: ends what is late, starts what there is room for, and makes one forward pass, in which
    /// each answer gets its next tokens and prompts share the rest of [`Limits::step_tokens`]. Never fails as a whole;
    /// what goes wrong with a job is in its event. `now` never goes back.
    pub fn step(&mut self, now: Duration) -> Vec<Update> {
        let mut updates = Vec::new();
        self.take_masks(BTreeSet::new());
        self.expire(now, &mut updates);
        self.admit(now, &mut updates);
        self.share(&mut updates);
        let plan = self.plan();
        match plan.is_empty() {
            false => self.compute(&plan, &mut updates),
            true => self.await_masks(),
        }
        self.queue.settle();
        self.end_mask_threads();
        updates
    }

    /// The logits (`[rows][vocabulary]`) of some of the last step's rows.
    ///
    /// # Errors
    /// The model's error: a NaN, or rows that are not there.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], M::Error> {
        self.model.logits(rows).map(|logits| logits.values)
    }

    /// True if no job waits or runs.
    pub fn is_idle(&self) -> bool {
        self.queue.len() == 0 && self.running.is_empty()
    }

    /// Counters and holdings.
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

    /// State of all jobs, for a test that waits for nothing.
    #[cfg(test)]
    pub(crate) fn state(&self) -> String {
        let of = |one: &ScheduledSequence| {
            let tokens = (one.cached, one.sequence.tokens().len(), one.table.pages().len());
            format!("{:?} {:?} away {} of client {}", one.key, tokens, one.sequence.is_away(), one.client)
        };
        let running: Vec<String> = self.running.iter().map(of).collect();
        format!(
            "{running:?}, {} wait, {:?} pages, suspects {:?}",
            self.queue.len(),
            self.memory.available(),
            self.suspects
        )
    }

    /// History of the slots of recurrent states, and the number held.
    #[cfg(test)]
    pub(crate) fn slots_seen(&self) -> (memory::SlotsSeen, usize) {
        (self.memory.slots_seen(), self.memory.slots_used())
    }

    /// Checks that the books are right.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        self.memory.check(self.running.iter().map(|scheduled| &scheduled.table));
        self.queue.check(&self.running);
        for scheduled in &self.running {
            let own = self.running.iter().filter(|other| other.client == scheduled.client);
            assert!(own.is_sorted_by_key(|own| own.order()), "the order of protection");
        }
        assert!(self.running.len() <= self.limits.running.max(1) && self.queue.len() <= self.limits.queued + 64);
    }
}
