//! What is asked of a scheduler, and how it refuses.

use crate::constraint::Constraint;
use crate::generation::{Error, Request};
use std::convert::Infallible;
use std::time::Duration;

/// Greatest priority, either sign; what lies beyond counts as this.
pub const MAX_PRIORITY: i32 = 100;

/// One request for a scheduler.
#[derive(Debug)]
pub struct Job {
    /// The prompt, and for an answer how its tokens are chosen and when it ends.
    pub request: Request,
    /// What comes of it.
    pub kind: Kind,
    /// What the answer must look like.
    pub constraint: Option<Box<dyn Constraint>>,
    /// Who asks: clients share the model evenly, however many jobs each of them has. An API key, say.
    pub client: u64,
    /// Higher goes first; 0 is usual, [`MAX_PRIORITY`] the most. Waiting raises it, so that nothing waits for ever.
    pub priority: i32,
    /// When the job is given up, by the clock of [`Scheduler::step`](super::Scheduler::step).
    pub deadline: Option<Duration>,
}

/// What comes of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// Tokens.
    #[default]
    Answer,
    /// One vector for the prompt; sampling settings and limits of the request do not matter.
    Embedding(Pooling),
}

/// How the hidden states of a prompt's positions become one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// That of the last position.
    Last,
}

impl Job {
    /// A job for an answer, of client 0, with priority 0 and without constraint and deadline.
    pub fn new(request: Request) -> Self {
        Self { request, kind: Kind::Answer, constraint: None, client: 0, priority: 0, deadline: None }
    }

    /// The same with another [`Kind`].
    #[must_use]
    pub fn with_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }
}

/// A job of one scheduler, as long as the scheduler lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(pub(super) u64);

/// Why a job was not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As many jobs wait as may.
    #[error("{queued} requests are waiting already, as many as may; try again later")]
    QueueFull {
        /// How many wait.
        queued: usize,
    },
    /// The job cannot be carried out.
    #[error(transparent)]
    Invalid(#[from] Error<Infallible>),
}
