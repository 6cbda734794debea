//! Attention of a few queries that share a key-value head (clause A).
//!
//! ```text
//! scores:  for each 16 keys: 16 chains over the head's elements, for all queries at once
//! largest: over each query's visible positions
//! p:       exp(score - largest) in place; 0 where not visible
//! per segment of 512 positions, ascending:
//!     for each 16 elements of the value: 16 chains over the positions, for all queries at once
//!     stripes of p; results are added up
//! output * (1 / denominator)
//! ```
//!
//! Lanes are keys in the first part, and elements of a value in the last; no sum is ever cut but at segments.

mod scores;
mod values;

use hefu_numerics::attention::SEGMENT;
use hefu_numerics::kv::{KEY_LANES, KvShape, PAGE};

use super::lanes::{LANES, Lanes};
use super::unroll::unroll;

const _: () = assert!(LANES == KEY_LANES && SEGMENT.is_multiple_of(PAGE) && PAGE.is_multiple_of(LANES));

/// Most queries that are worked on at once.
pub const MAX_QUERIES: usize = 8;

/// Up to [`MAX_QUERIES`] queries of one sequence on one key-value head.
#[derive(Debug, Clone, Copy)]
pub struct QueryTile<'a> {
    /// The cache's shape.
    pub shape: KvShape,
    /// All keys of the layer.
    pub keys: &'a [u16],
    /// All values of the layer.
    pub values: &'a [u16],
    /// The sequence's pages.
    pub pages: &'a [u32],
    /// The key-value head.
    pub head: usize,
    /// Factor of scores.
    pub scale: f32,
    /// Where each query's elements begin; unused places repeat a used one.
    pub queries: [*const f32; MAX_QUERIES],
    /// Where each query's result goes; null where unused.
    pub outputs: [*mut f32; MAX_QUERIES],
    /// First and last visible position of each query.
    pub visible: [(usize, usize); MAX_QUERIES],
}

/// Numbers of working memory that [`attend`] needs for positions `first..=last`.
pub fn scratch_numbers(shape: &KvShape, first: usize, last: usize) -> usize {
    let blocks = last / LANES - first / LANES + 1;
    MAX_QUERIES * (blocks * LANES + shape.key_size + shape.value_size.next_multiple_of(LANES))
}

/// Attention of the first `Q` queries of the tile, on `W` sets of lanes at once: as many chains as hide the time that one
/// multiply-add takes, and as registers hold.
///
/// # Safety
/// The machine has the instructions of `L`; queries and outputs are valid for the shape; `scratch` is valid for
/// [`scratch_numbers`] over all queries' visible positions; `pages` holds them all.
#[inline(always)]
pub unsafe fn attend<L: Lanes, const Q: usize, const W: usize>(tile: &QueryTile<'_>, scratch: *mut f32) {
    let first = tile.visible[..Q].iter().map(|range| range.0).min().unwrap_or(0);
    let last = tile.visible[..Q].iter().map(|range| range.1).max().unwrap_or(0);
    let blocks = first / LANES..last / LANES + 1;
    let width = tile.shape.value_size.next_multiple_of(LANES);
    // SAFETY: the caller's duty; the three pieces of scratch follow each other as `scratch_numbers` counts them.
    unsafe {
        let queries = scratch;
        let results = queries.add(Q * tile.shape.key_size);
        let scores = results.add(Q * width);
        for i in 0..tile.shape.key_size {
            unroll!(r < Q => { *queries.add(i * Q + r) = *tile.queries[r % MAX_QUERIES].add(i); });
        }
        let largest = scores::score_all::<L, Q, W>(tile, queries, scores, blocks.clone());
        let totals = scores::weigh_all::<L, Q>(tile, scores, blocks.clone(), largest);
        for i in 0..Q * width {
            *results.add(i) = 0.0;
        }
        for segment in first / SEGMENT..=last / SEGMENT {
            let from = first.max(segment * SEGMENT);
            let to = last.min(segment * SEGMENT + SEGMENT - 1);
            values::add_segment::<L, Q, W>(tile, scores, blocks.start, from, to, results);
        }
        finish::<Q>(tile, results, &totals);
    }
}

#[inline(always)]
unsafe fn finish<const Q: usize>(tile: &QueryTile<'_>, results: *const f32, totals: &[f32; Q]) {
    let size = tile.shape.value_size;
    let width = size.next_multiple_of(LANES);
    for (r, (output, total)) in tile.outputs.iter().zip(totals).enumerate().filter(|(_, (output, _))| !output.is_null())
    {
        let factor = 1.0 / total;
        for i in 0..size {
            // SAFETY: the caller's duty: an output takes `value_size` numbers.
            unsafe { *output.add(i) = *results.add(r * width + i) * factor };
        }
    }
}
