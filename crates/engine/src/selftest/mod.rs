//! The identity matrix: the same questions answered in every way that there is, and their bits compared.
//!
//! A [`Way`] is how answers come about: by the naive loop or by the scheduler, one after another or together, in which order, with which chunks of the prompt,
//! on which pages, with guesses or without, with what earlier answers have left in the cache or without. None of it may
//! change a bit. [`answers`] takes a way and gives what each answer is, its tokens and logits ([`Trace`]); [`Tally`]
//! compares that with what the specification says, and counts. Which instruction sets, threads and processes there are is
//! the caller's to know.

mod pages;
mod questions;
mod run;
mod tally;
mod ways;

pub use questions::{Questions, questions};
pub use run::answers;
pub use tally::{Difference, Place, Tally, Trace};
pub use ways::{Arrival, Extent, Guesses, Layout, Scheduled, WHOLE, Way, dimensions, ways};
