//! Many requests at once, as pure steps.

mod event;
mod job;
mod limits;
mod statistics;

pub use crate::group::{ForwardMany, Paged, Part};
pub use event::{Event, Failure, What};
pub use job::{Job, Key, Kind, MAX_PRIORITY, Pooling, Refusal};
pub use limits::Limits;
pub use statistics::Statistics;

use crate::generation::{Error, Step};
use crate::group::{Group, Key as Member};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::Duration;

/// Jobs that are answered together.
#[derive(Debug)]
pub struct Scheduler<M> {
    group: Group<M>,
    limits: Limits,
    queue: VecDeque<(Key, Job)>,
    running: BTreeMap<Member, Key>,
    statistics: Statistics,
}

impl<M: ForwardMany> Scheduler<M> {
    /// A scheduler without jobs.
    pub fn new(model: M, limits: Limits) -> Self {
        let group = Group::new(model);
        Self { group, limits, queue: VecDeque::new(), running: BTreeMap::new(), statistics: Statistics::default() }
    }

    /// The model.
    pub fn model(&self) -> &M {
        self.group.model()
    }

    /// Takes a job. Nothing is computed and no memory taken yet.
    ///
    /// # Errors
    /// A full queue, or a job that cannot be carried out.
    pub fn submit(&mut self, job: Job, _now: Duration) -> Result<Key, Refusal> {
        if self.queue.len() >= self.limits.queued {
            self.statistics.refused += 1;
            return Err(Refusal::QueueFull { queued: self.queue.len() });
        }
        let key = Key(self.statistics.submitted);
        self.statistics.submitted += 1;
        self.queue.push_back((key, job));
        Ok(key)
    }

    /// Gives a job up; one that is over is passed over.
    pub fn cancel(&mut self, key: Key) {
        self.queue.retain(|(waiting, _)| *waiting != key);
        let member = self.running.iter().find(|(_, running)| **running == key).map(|(member, _)| *member);
        if let Some(member) = member {
            self.group.leave(member);
            self.running.remove(&member);
        }
    }

    /// Goes one step further with every job that runs.
    pub fn step(&mut self, _now: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        while self.running.len() < self.limits.running {
            let Some((key, job)) = self.queue.pop_front() else { break };
            match self.group.join(job.request) {
                Ok(member) => {
                    self.running.insert(member, key);
                    events.push(Event { key, what: What::Started { reused: 0 }, rows: 0..0 });
                }
                Err(error) => {
                    let failure = Failure::Model(error.to_string());
                    events.push(Event { key, what: What::Failed(failure), rows: 0..0 });
                }
            }
        }
        let done = match self.group.step(self.limits.step_tokens) {
            Ok(done) => done,
            Err(error) => {
                for (member, key) in std::mem::take(&mut self.running) {
                    self.group.leave(member);
                    let failure = Failure::Model(error.to_string());
                    events.push(Event { key, what: What::Failed(failure), rows: 0..0 });
                }
                return events;
            }
        };
        for event in done {
            let Some(&key) = self.running.get(&event.key) else { continue };
            let what = match event.step {
                Ok(Step::Prefill { done, total }) => What::Prefill { done, total },
                Ok(Step::Token(choice)) => What::Token(choice),
                Ok(Step::Finished(finish)) => What::Finished(finish),
                Err(Error::Sampling(error)) => What::Failed(error.into()),
                Err(error) => What::Failed(Failure::Model(error.to_string())),
            };
            if matches!(what, What::Finished(_) | What::Failed(_)) {
                self.running.remove(&event.key);
            }
            events.push(Event { key, what, rows: event.rows });
        }
        events
    }

    /// The logits (`[rows][vocabulary]`) of some of the last step's rows.
    ///
    /// # Errors
    /// What the model reports: a NaN, or rows that are not there.
    pub fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Error<M::Error>> {
        self.group.logits(rows)
    }

    /// Whether no job waits or runs.
    pub fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.running.is_empty()
    }

    /// What was done and is held.
    pub fn statistics(&self) -> Statistics {
        Statistics { running: self.running.len(), waiting: self.queue.len(), ..self.statistics }
    }
}
