//! A loaded model with the caches of many sequences, which share its pages.

use super::{Abilities, ForwardMany, Logits, SlotPool};
use hefu_numerics::device::{Batch, Error, Executable, Model, Size};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Order};
use std::ops::Range;

/// Runs a model on many sequences.
pub struct Paged {
    model: Model,
    executable: Box<dyn Executable>,
    capacity: usize,
    /// Pages that the sequences share.
    pages: usize,
    /// Slots of recurrent states.
    slots: usize,
}

impl Paged {
    /// No sequences, with `pages` pages of [`PAGE`] positions for all of them, each of which can have `capacity`
    /// positions, at most the model's context; and slots of recurrent states, where the model has some, for `sequences` at
    /// once ([`Size::new`]).
    ///
    /// # Errors
    /// [`Error::Context`] for no position or more than the model has, others if the cache is too large.
    pub fn new(model: &Model, capacity: usize, pages: usize, sequences: usize) -> Result<Self, Error> {
        let allowed = model.program.context;
        if capacity == 0 || capacity > allowed {
            return Err(Error::Context { asked: capacity, allowed });
        }
        // Nothing is kept of a text that is read as a whole, so that its pages take no memory.
        let pages = match model.program.order {
            Order::Causal => pages,
            Order::Whole => pages.max(sequences.saturating_mul(capacity.div_ceil(PAGE))),
        };
        let size = Size::new(&model.program, pages, sequences);
        Ok(Self { model: model.clone(), executable: model.compile(&size)?, capacity, pages, slots: size.slots })
    }

    /// The program on its device.
    pub fn executable(&mut self) -> &mut dyn Executable {
        &mut *self.executable
    }
}

impl ForwardMany for Paged {
    type Error = Error;

    fn vocabulary(&self) -> usize {
        self.model.program.vocabulary
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn page(&self) -> usize {
        PAGE
    }

    fn pages(&self) -> usize {
        self.pages
    }

    fn groups(&self) -> usize {
        self.model.program.groups()
    }

    fn abilities(&self) -> Abilities {
        Abilities::of(&self.model.program)
    }

    fn slots(&self) -> Option<SlotPool> {
        let pool = SlotPool { slots: self.slots, snapshot_pages: self.model.program.snapshot_pages() };
        (self.slots > 0).then_some(pool)
    }

    fn copy_page(&mut self, from: u32, to: u32) -> Result<(), Error> {
        (0..self.groups()).try_for_each(|group| self.executable.copy_page(group, from, to))
    }

    fn forward(&mut self, batch: &Batch<'_>) -> Result<(), Error> {
        self.executable.run(batch)
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Error> {
        let values = self.executable.head(Entry::Logits, rows)?;
        Ok(Logits { values, team: self.model.device.team() })
    }

    fn hidden(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.executable.head(Entry::Hidden, rows)
    }

    fn ranks(&mut self, rows: Range<usize>) -> Result<&[f32], Error> {
        self.executable.head(Entry::Rank, rows)
    }
}

impl std::fmt::Debug for Paged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Paged({} pages)", self.executable.pages())
    }
}
