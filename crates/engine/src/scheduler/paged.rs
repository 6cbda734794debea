//! A loaded model with the caches of many sequences, which share its pages.

use super::{Abilities, Failure, ForwardMany, Logits, SlotPool};
use crate::trace::{Trace, Tracer};
use hefu_numerics::device::{Batch, Error, Executable, Model, Size};
use hefu_numerics::kv::PAGE;
use hefu_numerics::program::{Entry, Order, Value};
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
    /// Digests of layers, where they are wanted.
    tracer: Option<Tracer>,
}

impl Paged {
    /// No sequences, with `pages` pages of [`PAGE`] positions for all of them, each of which can have `capacity`
    /// positions, at most the model's context; and slots of recurrent states, where the model has some, for `sequences` at
    /// once ([`Size::new`]).
    ///
    /// # Errors
    /// [`Error::Context`] for no position or more than the model has, others if the cache is too large.
    pub fn new(model: &Model, capacity: usize, pages: usize, sequences: usize) -> Result<Self, Error> {
        Self::with_probes(model, capacity, (pages, sequences), &[])
    }

    /// The same, keeping what layers hand on, so that every answer gets a [`trace`](crate::trace).
    ///
    /// # Errors
    /// As [`Paged::new`].
    pub fn traced(model: &Model, capacity: usize, pages: usize, sequences: usize) -> Result<Self, Error> {
        let paged = Self::with_probes(model, capacity, (pages, sequences), &model.program.layer_outputs())?;
        Ok(Self { tracer: Some(Tracer::new(&model.program)), ..paged })
    }

    fn with_probes(
        model: &Model,
        capacity: usize,
        (pages, sequences): (usize, usize),
        probes: &[Value],
    ) -> Result<Self, Error> {
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
        let executable = model.device.compile(&model.program, &model.weights, &size, probes)?;
        Ok(Self { model: model.clone(), executable, capacity, pages, slots: size.slots, tracer: None })
    }

    /// The program on its device.
    pub fn executable(&mut self) -> &mut dyn Executable {
        &mut *self.executable
    }
}

impl ForwardMany for Paged {
    type Error = Error;

    fn failure(error: &Error) -> Failure {
        match error {
            Error::Device { .. } | Error::StatesLost { .. } | Error::Memory { .. } => {
                Failure::Device(error.to_string())
            }
            error => Failure::Model(error.to_string()),
        }
    }

    fn has_lost_states(error: &Error) -> bool {
        matches!(error, Error::StatesLost { .. })
    }

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
        Abilities { traces: self.tracer.is_some(), ..Abilities::of(&self.model.program) }
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

    fn trace(&mut self, rows: Range<usize>, wanted: Range<usize>) -> Result<Trace, Error> {
        let Some(tracer) = &mut self.tracer else { return Ok(Trace::default()) };
        tracer.trace(&*self.executable, self.model.device.team(), rows, wanted)
    }
}

impl std::fmt::Debug for Paged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Paged({} pages)", self.executable.pages())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_is_told_apart() {
        let lost = Error::Device { device: "opencl", problem: "reading failed".to_owned() };
        assert!(matches!(Paged::failure(&lost), Failure::Device(sentence) if sentence.contains("opencl failed")));
        assert!(matches!(Paged::failure(&Error::NotFinite { row: 1 }), Failure::Model(_)));
    }
}
