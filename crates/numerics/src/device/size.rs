//! Sizes of a device's memory: slots for so many pages.

use super::Size;
use crate::kv::LayerCache;
use crate::program::{Order, Program};

/// Rows of a batch that are usual.
const ROWS: usize = 512;
/// Snapshots of recurrent states that there is room for in any case.
const LEAST_SNAPSHOTS: usize = 4;
/// Snapshots of recurrent states at most, however many pages there are.
const MOST_SNAPSHOTS: usize = 64;

impl Size {
    /// So many pages, rows of a batch and of a head that are usual, and, if the program has recurrent states, a slot for
    /// each of so many sequences that run at once and for snapshots: these take as much memory as the pages, but there are
    /// at least 4 and at most 64.
    pub fn new(program: &Program, pages: usize, sequences: usize) -> Size {
        let slots = match slot_bytes(program) {
            0 => 0,
            bytes => {
                let snapshots = pages.saturating_mul(page_bytes(program)) / bytes;
                sequences.max(1).saturating_add(snapshots.clamp(LEAST_SNAPSHOTS, MOST_SNAPSHOTS))
            }
        };
        // A text that is read as a whole is one batch.
        let rows = if program.order == Order::Whole { ROWS.max(program.context) } else { ROWS };
        Size { pages, slots, rows, head_rows: 16 }
    }
}

impl Program {
    /// After so many pages of a long prompt a snapshot of the recurrent states is worth its memory: it takes no more than
    /// the pages before it. At least 1.
    pub fn snapshot_pages(&self) -> usize {
        slot_bytes(self).div_ceil(page_bytes(self).max(1)).max(1)
    }
}

/// Bytes of the recurrent states of one sequence.
fn slot_bytes(program: &Program) -> usize {
    program.slot_numbers().saturating_mul(size_of::<f32>())
}

/// Bytes of one page of all key-value states.
fn page_bytes(program: &Program) -> usize {
    program.states.iter().filter_map(|state| LayerCache::page_bytes(state, program.profile)).sum()
}
