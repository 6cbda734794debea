//! Jobs of a scheduler, and the reasons for which it refuses one.

use crate::constraint::Constraint;
use crate::request::{Request, RequestError};
use crate::verification::{Claim, Claimed, How};
use std::time::Duration;

/// Greatest priority, either sign; what lies beyond counts as this.
pub const MAX_PRIORITY: i32 = 100;

/// One request for a scheduler.
#[derive(Debug)]
pub struct Job {
    /// The prompt, and for an answer how its tokens are chosen and when it ends.
    pub request: Request,
    /// Kind of the job.
    pub kind: Kind,
    /// Tokens of the answer that were chosen already, by a scheduler that has given the job up ([`Scheduler::withdraw`]). The
    /// answer goes on after them as it would have there; they are told to nobody again.
    ///
    /// [`Scheduler::withdraw`]: super::Scheduler::withdraw
    pub answered: Vec<u32>,
    /// Structure of the answer, from its beginning.
    pub constraint: Option<Box<dyn Constraint>>,
    /// Who asks: clients share the model evenly, however many jobs each of them has. An API key, say.
    pub client: u64,
    /// Whose cached beginnings of prompts it may go on from, and who may go on from its own.
    pub domain: ReuseDomain,
    /// Among the jobs of one client, higher goes first; 0 is usual, [`MAX_PRIORITY`] the most. Waiting raises it, so that
    /// nothing waits for ever. It means nothing to the jobs of others.
    pub priority: i32,
    /// Time when the job is given up, by the clock of [`Scheduler::step`](super::Scheduler::step).
    pub deadline: Option<Duration>,
}

/// Who shares what the cache holds. Reuse saves time, and the time, like the number of reused tokens, tells whether
/// somebody has asked the same before: jobs that must not learn that of one another belong to different domains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ReuseDomain {
    /// The jobs of one client share among themselves alone.
    #[default]
    Client,
    /// All jobs that name this group share, whichever client's they are.
    Group(u64),
}

/// Kinds of jobs.
#[derive(Clone, Debug, PartialEq, Default)]
pub enum Kind {
    /// Tokens.
    #[default]
    Answer,
    /// One vector for the prompt; sampling settings and limits of the request do not matter.
    Embedding(Pooling),
    /// The scores of the model's classifier for the prompt.
    Rank {
        /// Where the second of two texts begins, if the prompt is of two.
        second: Option<usize>,
    },
    /// Nothing but the prompt's positions: the rows of logits of those from `from` on can be read after each step.
    Rows {
        /// The first position whose row is wanted.
        from: usize,
    },
    /// The logits after each of the prompt's tokens from place `from` on.
    Logits {
        /// The first position whose row is wanted.
        from: usize,
    },
    /// The log-likelihoods of the prompt's own tokens from place `from` on, each given the tokens before it. The first
    /// token of a text has none. A request that asks for log-probabilities gets them as those of an answer's tokens, with
    /// as many of the likeliest tokens in each place as it wants.
    Likelihoods {
        /// The first token that is scored, at least 1.
        from: usize,
    },
    /// Verification that the answer is this one: [`Claim::job`](crate::verification::Claim::job) makes such a job.
    Verification(Box<Claimed>),
}

/// Pooling of a prompt's hidden states into one vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pooling {
    /// Their mean.
    #[default]
    Mean,
    /// That of the first position, which stands for the whole text where texts are read as a whole.
    First,
    /// That of the last position.
    Last,
}

impl Job {
    /// A job for an answer, of client 0, which shares cached prompts with that client's jobs alone, with priority 0 and
    /// without constraint and deadline.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            kind: Kind::Answer,
            answered: Vec::new(),
            constraint: None,
            client: 0,
            domain: ReuseDomain::Client,
            priority: 0,
            deadline: None,
        }
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

/// Reason why a job was not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// As many jobs wait as may.
    #[error("{queued} requests are waiting already, as many as may; try again later")]
    QueueFull {
        /// Number that wait.
        queued: usize,
        /// Most that may wait.
        most: usize,
    },
    /// The job cannot be carried out.
    #[error(transparent)]
    Invalid(#[from] RequestError),
}

impl Claim {
    /// The job that makes the choices again. Of its grammar, if it had one, `constraint` is at the beginning.
    pub fn job(self, constraint: Option<Box<dyn Constraint>>, how: How) -> Job {
        let Self { request, output, finish, context } = self;
        let claimed = Claimed { output, finish, context, how };
        Job { constraint, ..Job::new(request).with_kind(Kind::Verification(Box::new(claimed))) }
    }
}
