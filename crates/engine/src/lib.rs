//! From token ids to token ids: generation, sampling, stop strings, scores.
//!
//! Everything is a step function without clock, thread or text of its own. [`forward`] is what is asked of a model, and
//! [`Runner`] a loaded model that does it; [`generation`] takes a request from its prompt to its answer, [`scheduler`]
//! many at once; [`sampling`] chooses each token, [`speculation`] guesses at tokens to save time, [`stop`] looks for stop
//! strings in text that the caller has decoded, [`perplexity`] measures how well a model predicts a text,
//! [`verification`] makes the choices of a finished answer again.

pub mod constraint;
pub mod forward;
pub mod generation;
pub mod perplexity;
mod runner;
pub mod sampling;
pub mod scheduler;
pub mod selftest;
#[cfg(test)]
mod sim;
pub mod speculation;
pub mod stop;
pub mod verification;

pub use runner::Runner;
