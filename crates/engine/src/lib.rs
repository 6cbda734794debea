//! From token ids to token ids: generation, sampling, stop strings, scores.
//!
//! Everything is a step function without clock or text of its own. [`scheduler`] takes requests from their prompts to
//! their answers, one or many at once; [`sampling`] chooses each token, [`speculation`] guesses at tokens to save time,
//! [`stop`] looks for stop strings in text that the caller has decoded, [`perplexity`] scores a text, [`verification`]
//! makes the choices of a finished answer again, [`trace`] takes digests of what layers hand on, [`importance`] sums what a
//! model multiplies, [`inspect`] shows what it computes on the way. [`witness`] is the naive loop that all of it is
//! compared with.

pub mod constraint;
pub mod importance;
pub mod inspect;
pub mod perplexity;
mod request;
pub mod sampling;
pub mod scheduler;
pub mod selftest;
mod sequence;
#[cfg(test)]
mod sim;
pub mod speculation;
pub mod stop;
pub mod trace;
pub mod verification;
pub mod witness;

pub use request::{FinishReason, Request, RequestError};
