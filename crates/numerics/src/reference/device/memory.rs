//! Caches and states of sequences, kept from batch to batch.

use std::ops::Range;

use crate::device::Batch;
use crate::kv::LayerCache;
use crate::program::{Program, StateSpec};

/// Contents of a state.
pub(super) enum Memory {
    /// Keys and values.
    Pages(LayerCache),
    /// Numbers that every position changes.
    Slots(Slots),
}

/// The numbers of one recurrent state in every slot.
pub(super) struct Slots {
    /// `[slots][size]`.
    numbers: Vec<f32>,
    size: usize,
}

impl Memory {
    /// An empty state.
    pub(super) fn new(program: &Program, spec: &StateSpec, pages: usize, slots: usize) -> Memory {
        match *spec {
            StateSpec::KeyValue { .. } => Memory::Pages(LayerCache::of(spec, program.profile, pages)),
            StateSpec::Recurrent { numbers: size } => Memory::Slots(Slots { numbers: vec![0.0; size * slots], size }),
        }
    }

    pub(super) fn pages(&mut self) -> &mut LayerCache {
        match self {
            Memory::Pages(cache) => cache,
            Memory::Slots(_) => unreachable!("the program was sealed: the state holds keys and values"),
        }
    }

    pub(super) fn slots(&mut self) -> &mut Slots {
        match self {
            Memory::Slots(slots) => slots,
            Memory::Pages(_) => unreachable!("the program was sealed: the state is recurrent"),
        }
    }
}

impl Slots {
    fn slot(&mut self, slot: u32) -> &mut [f32] {
        &mut self.numbers[slot as usize * self.size..][..self.size]
    }

    /// Calls `advance` with the rows of every span and the numbers that it begins with, which it moves on; in pieces, where
    /// they are to be kept in between (clause D1).
    pub(super) fn for_each_span(&mut self, batch: &Batch<'_>, mut advance: impl FnMut(Range<usize>, &mut [f32])) {
        for span in batch.spans {
            let Some(slots) = &span.slots else { continue };
            let mut numbers = vec![0.0; self.size];
            if let Some(slot) = slots.read {
                numbers.copy_from_slice(self.slot(slot));
            }
            let mut from = span.rows.start;
            for &(rows, slot) in slots.keep {
                advance(from..span.rows.start + rows, &mut numbers);
                self.slot(slot).copy_from_slice(&numbers);
                from = span.rows.start + rows;
            }
            advance(from..span.rows.end, &mut numbers);
            self.slot(slots.write).copy_from_slice(&numbers);
        }
    }
}
