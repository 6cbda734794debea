//! The model as the scheduler sees it: one forward pass over the caches of many sequences.

use super::Failure;
use crate::trace::Trace;
use hefu_numerics::device::Batch;
use hefu_numerics::program::{Entry, Order, Program};
use hefu_numerics::team::Team;
use std::ops::Range;

/// A model with a cache in pages. Which page holds which positions of which sequence is the caller's to decide: every
/// span of a batch names its pages, the same for every group. The logits of a position depend on the tokens before it in its sequence alone.
pub trait ForwardMany {
    /// Errors.
    type Error: std::error::Error;

    /// The failure of a job by this error: the model's, unless it is the device's.
    fn failure(error: &Self::Error) -> Failure {
        Failure::Model(error.to_string())
    }

    /// True if an error of [`ForwardMany::forward`] says that all pages and slots are empty and the model can go on.
    fn has_lost_states(error: &Self::Error) -> bool {
        let _ = error;
        false
    }

    /// Number of logits per position.
    fn vocabulary(&self) -> usize;

    /// Most positions of one sequence.
    fn capacity(&self) -> usize;

    /// Positions of a page, at least 1.
    fn page(&self) -> usize;

    /// Pages of the cache, numbered from 0.
    fn pages(&self) -> usize;

    /// Groups of key-value states, for each of which a span has a table of pages.
    fn groups(&self) -> usize {
        1
    }

    /// Its abilities.
    fn abilities(&self) -> Abilities {
        Abilities { order: Order::Causal, writes: true, ranks: false, traces: false }
    }

    /// The slots of its recurrent states; `None` if it has no such states.
    fn slots(&self) -> Option<SlotPool> {
        None
    }

    /// Makes page `to` hold what page `from` holds.
    ///
    /// # Errors
    /// The model's error: a page that does not exist.
    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Self::Error>;

    /// Appends each span to its sequence, and keeps the rows that are wanted, in the order of the spans, for
    /// [`ForwardMany::logits`] and [`ForwardMany::hidden`]. No position is written twice.
    ///
    /// # Errors
    /// The model's error; the rows of the call before are gone then.
    fn forward(&mut self, batch: &Batch<'_>) -> Result<(), Self::Error>;

    /// The logits of some of the rows that the last call to [`ForwardMany::forward`] kept.
    ///
    /// # Errors
    /// The model's error: a NaN, or rows that were not kept.
    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Self::Error>;

    /// The final hidden states (`[rows][width]`, after the output norm) of some of those rows.
    ///
    /// # Errors
    /// As [`ForwardMany::logits`].
    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Self::Error>;

    /// The scores of its classifier (`[rows][classes]`) for some of those rows; only where [`Abilities::ranks`].
    ///
    /// # Errors
    /// As [`ForwardMany::logits`].
    fn ranks(&mut self, rows: Range<usize>) -> Result<&[f32], Self::Error> {
        self.hidden(rows)
    }

    /// The digests of what all layers hand on in some rows of the last batch, all of them wanted: by their numbers among all
    /// rows, and among those wanted. Only where [`Abilities::traces`].
    ///
    /// # Errors
    /// The model's error.
    fn trace(&mut self, rows: Range<usize>, wanted: Range<usize>) -> Result<Trace, Self::Error> {
        let _ = (rows, wanted);
        Ok(Trace::default())
    }
}

/// Abilities of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abilities {
    /// Order of reading: from left to right, or as a whole: then a text is one span of one pass, and nothing of it is
    /// kept.
    pub order: Order,
    /// True if it writes.
    pub writes: bool,
    /// True if it has a classifier, which ranks texts.
    pub ranks: bool,
    /// True if it keeps what layers hand on, for a [`trace`](crate::trace) of every answer.
    pub traces: bool,
}

impl Abilities {
    /// Those of a program: which heads it has.
    pub fn of(program: &Program) -> Self {
        let has = |entry| program.section(entry).is_some();
        Self { order: program.order, writes: has(Entry::Logits), ranks: has(Entry::Rank), traces: false }
    }
}

/// Slots of a model with recurrent states, each for those of one sequence after one position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotPool {
    /// Number of slots, numbered from 0; at least 1.
    pub slots: usize,
    /// After so many pages of a prompt a snapshot is worth a slot, at least 1.
    pub snapshot_pages: usize,
}

/// Logits, and threads that help to choose by them.
#[derive(Clone, Copy)]
pub struct Logits<'a> {
    /// `[rows][vocabulary]`.
    pub values: &'a [f32],
    /// The model's threads, which have nothing to do for the moment.
    pub team: &'a dyn Team,
}

impl std::fmt::Debug for Logits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Logits({} values)", self.values.len())
    }
}
