//! Observers of answers.

use hefu_answer::Summary;
use std::time::{Duration, SystemTime};

/// Is told of every answer once it is over.
pub trait Watcher: Send + Sync {
    /// Called on a thread of the network, so it must not wait.
    fn answered(&self, account: Account);
}

/// Statistics of one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The answer's id, that of its receipt.
    pub answer: String,
    /// The request's id in the log.
    pub request: String,
    /// The header `traceparent` of the request, as it came (W3C Trace Context, section 3.2).
    pub trace_parent: Option<String>,
    /// The model's name.
    pub model: String,
    /// Fingerprint of model, settings and contract.
    pub fingerprint: String,
    /// The name of the API key; empty without one.
    pub client: String,
    /// Number of choices asked for.
    pub choices: usize,
    /// Time when the request was taken.
    pub arrived: SystemTime,
    /// From there to the end of the answer.
    pub whole: Duration,
    /// Counts, and where the time went.
    pub summary: Summary,
    /// Its end.
    pub ending: Ending,
}

/// End of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Complete,
    /// The client went away, or did not read.
    ClientGone,
    /// It failed, for the reason that the client was told.
    Failed(String),
}
