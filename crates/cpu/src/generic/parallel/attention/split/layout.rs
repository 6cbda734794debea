//! Where everything lies in the working memory of tasks that are cut.
//!
//! ```text
//! [threads] { folded, copies of a segment's scores, queries, largest scores, totals }
//! [pieces]    largest scores
//! [segments] { totals, results }
//! [tasks]     scores
//! ```

use super::super::Work;
use super::Part;
use crate::generic::attention::{FOLDED_NUMBERS, MAX_QUERIES, TileMemory, query_numbers, result_width};
use crate::generic::lanes::LANES;

/// Numbers of scores of a segment: as many as are folded.
const SEGMENT_SCORES: usize = FOLDED_NUMBERS;

pub(super) struct Layout {
    thread: usize,
    queries: usize,
    pieces_at: usize,
    segment: usize,
    segments_at: usize,
    scores_at: usize,
    pub(super) numbers: usize,
}

impl Layout {
    pub(super) fn new(work: &Work<'_>, parts: &[Part<'_>], threads: usize, [pieces, segments]: [usize; 2]) -> Layout {
        let shape = &work.attention.cache.shape;
        let queries = query_numbers(shape).next_multiple_of(LANES);
        let thread = FOLDED_NUMBERS + SEGMENT_SCORES + queries + 2 * MAX_QUERIES;
        let segment = (MAX_QUERIES * (1 + result_width(shape))).next_multiple_of(LANES);
        let pieces_at = thread * threads;
        let segments_at = (pieces_at + MAX_QUERIES * pieces).next_multiple_of(LANES);
        let scores_at = segments_at + segment * segments;
        let most = work.most_queries();
        let scores = parts.last().map_or(0, |part| {
            let (first, last) = super::tile(work, &part.task).positions();
            part.scores + Work::score_numbers(most, first, last)
        });
        Layout { thread, queries, pieces_at, segment, segments_at, scores_at, numbers: scores_at + scores }
    }

    /// Memory for scoring piece `piece`.
    ///
    /// # Safety
    /// Of this and all below: `from` is valid for `numbers` numbers.
    pub(super) unsafe fn scoring(&self, from: *mut f32, part: &Part<'_>, piece: usize, thread: usize) -> TileMemory {
        // SAFETY: the pieces follow each other as `new` counts them.
        unsafe {
            TileMemory {
                scores: self.scores(from, part),
                first_block: part.first_block,
                largest: self.largest(from, piece),
                ..self.merging(from, 0, thread)
            }
        }
    }

    /// Memory for adding up segment `segment`, whose first block is `first_block`: the thread's copies, its own totals,
    /// and the segment's results.
    pub(super) unsafe fn adding(
        &self,
        from: *mut f32,
        segment: usize,
        thread: usize,
        first_block: usize,
    ) -> TileMemory {
        // SAFETY: as above.
        unsafe {
            let its = from.add(thread * self.thread);
            let largest = its.add(FOLDED_NUMBERS + SEGMENT_SCORES + self.queries);
            TileMemory {
                scores: its.add(FOLDED_NUMBERS),
                first_block,
                largest,
                totals: largest.add(MAX_QUERIES),
                ..self.merging(from, segment, thread)
            }
        }
    }

    /// Memory for joining segment `segment` to others: its totals and results.
    pub(super) unsafe fn merging(&self, from: *mut f32, segment: usize, thread: usize) -> TileMemory {
        // SAFETY: as above.
        unsafe {
            let folded = from.add(thread * self.thread);
            let totals = self.totals(from, segment);
            TileMemory {
                queries: folded.add(FOLDED_NUMBERS + SEGMENT_SCORES),
                scores: std::ptr::null_mut(),
                first_block: 0,
                largest: std::ptr::null_mut(),
                totals,
                results: totals.add(MAX_QUERIES),
                is_last: false,
                folded,
            }
        }
    }

    /// The scores of a task.
    pub(super) unsafe fn scores(&self, from: *mut f32, part: &Part<'_>) -> *mut f32 {
        // SAFETY: as above.
        unsafe { from.add(self.scores_at + part.scores) }
    }

    /// The largest scores of a piece.
    pub(super) unsafe fn largest(&self, from: *mut f32, piece: usize) -> *mut f32 {
        // SAFETY: as above.
        unsafe { from.add(self.pieces_at + piece * MAX_QUERIES) }
    }

    /// The totals of a segment.
    pub(super) unsafe fn totals(&self, from: *mut f32, segment: usize) -> *mut f32 {
        // SAFETY: as above.
        unsafe { from.add(self.segments_at + segment * self.segment) }
    }
}
