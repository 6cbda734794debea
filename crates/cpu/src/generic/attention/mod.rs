//! Attention of a few queries that share a key-value head (clause A).
//!
//! ```text
//! begin:   the queries, laid out for the kernel; in q8 and i8 as integers
//! score:   for each 16 keys: 16 chains over the head's elements, for all queries at once; the largest per query
//! add, per segment of 512 positions, ascending:
//!     p = exp(score - largest) in place; 0 where not visible; stripes of p
//!     for each 16 elements of the value: 16 chains over the positions, for all queries at once;
//!     in i8 over blocks of 32 positions, whose own sums are of integers
//! output * (1 / denominator)
//! ```
//!
//! Lanes are keys in the first part, and elements of a value in the last; no sum is ever cut but at segments. Which
//! tiles there are, in what order their parts run and on which threads is [`super::parallel::attention`]'s business.

mod integer_values;
mod queries;
mod scores;
mod values;

use std::ops::Range;

use hefu_numerics::attention::SEGMENT;
use hefu_numerics::kv::{BLOCK, KEY_LANES, KvShape, PAGE, Profile};

use super::lanes::{F32x16, LANES};
use super::rows::DotIsa;
use super::unroll::unroll;

const _: () = assert!(LANES == KEY_LANES && SEGMENT.is_multiple_of(PAGE) && PAGE.is_multiple_of(LANES));

/// Most queries that are worked on at once.
pub const MAX_QUERIES: usize = 12;

/// Up to [`MAX_QUERIES`] queries of one sequence on one key-value head.
#[derive(Debug, Clone, Copy)]
pub struct QueryTile<'a> {
    /// The cache's shape.
    pub shape: KvShape,
    /// All keys of the layer.
    pub keys: &'a [u8],
    /// All values of the layer.
    pub values: &'a [u8],
    /// The sequence's pages.
    pub pages: &'a [u32],
    /// The key-value head.
    pub head: usize,
    /// Factor of scores.
    pub scale: f32,
    /// Scores `s` become `cap * tanh(s / cap)`; not where it is 0.
    pub cap: f32,
    /// A score of each query that belongs to no position; minus infinity where there is none.
    pub sinks: [f32; MAX_QUERIES],
    /// ALiBi slope of each query, all 0 without it: taken off its scores for each position of distance.
    pub slopes: [f32; MAX_QUERIES],
    /// Each query's own position, from which distances are counted.
    pub at: [usize; MAX_QUERIES],
    /// Where each query's elements begin; unused places repeat a used one.
    pub queries: [*const f32; MAX_QUERIES],
    /// Where each query's result goes; null where unused.
    pub outputs: [*mut f32; MAX_QUERIES],
    /// First and last visible position of each query.
    pub visible: [(usize, usize); MAX_QUERIES],
    /// True if keys and values are not in the caches yet, and are asked for a little before they are needed.
    pub is_from_memory: bool,
    /// Where what is likely to be read after these values begins; asked for, too.
    pub then: *const u8,
}

impl QueryTile<'_> {
    /// First and last position that any of the queries sees.
    pub fn positions(&self) -> (usize, usize) {
        let first = self.visible.iter().map(|range| range.0).min().unwrap_or(0);
        (first, self.visible.iter().map(|range| range.1).max().unwrap_or(0))
    }

    /// First and last position that every query sees; the first is after the last if there is none.
    pub fn seen_by_all(&self) -> (usize, usize) {
        let first = self.visible.iter().map(|range| range.0).max().unwrap_or(0);
        (first, self.visible.iter().map(|range| range.1).min().unwrap_or(0))
    }

    /// The blocks of 16 positions of a segment that any of the queries sees.
    pub fn blocks(&self, segment: usize) -> Range<usize> {
        let (first, last) = self.positions();
        let (from, to) = (first.max(segment * SEGMENT), last.min(segment * SEGMENT + SEGMENT - 1));
        if from > to { 0..0 } else { from / LANES..to / LANES + 1 }
    }
}

/// Working memory of a tile; `Q` is the kernel's number of queries.
#[derive(Debug, Clone, Copy)]
pub struct TileMemory {
    /// [`query_numbers`]: the queries as [`begin`] lays them out.
    pub queries: *mut f32,
    /// `[blocks][Q][16]`, from block `first_block` on.
    pub scores: *mut f32,
    /// The first block of 16 positions of `scores`.
    pub first_block: usize,
    /// `[Q]`: the largest score.
    pub largest: *mut f32,
    /// `[Q]`: denominators.
    pub totals: *mut f32,
    /// `[Q][`[`result_width`]`]`.
    pub results: *mut f32,
    /// True if the results of one segment are those of all: then they go to the outputs at once, if [`can_be_last`].
    pub is_last: bool,
    /// [`FOLDED_NUMBERS`]: what one segment needs for itself.
    pub folded: *mut f32,
}

/// Numbers that the queries of a tile take.
pub fn query_numbers(shape: &KvShape) -> usize {
    MAX_QUERIES * shape.key_size.next_multiple_of(LANES).max(shape.key_blocks() * queries::ROWS)
}

/// Numbers of one query's result in working memory.
pub fn result_width(shape: &KvShape) -> usize {
    match shape.profile {
        Profile::F16 => shape.value_size.next_multiple_of(LANES),
        Profile::Q8 => shape.value_blocks() * BLOCK,
        Profile::I8 => shape.value_sixteens() * LANES,
    }
}

/// True if [`add`] can write outputs itself.
pub fn can_be_last(shape: &KvShape) -> bool {
    shape.profile == Profile::F16 && shape.value_size.is_multiple_of(LANES)
}

/// Numbers of [`TileMemory::folded`].
pub const FOLDED_NUMBERS: usize = MAX_QUERIES * SEGMENT;

const _: () = assert!(SEGMENT / BLOCK * queries::ROWS <= SEGMENT && PAGE.is_multiple_of(BLOCK));

/// Lays the first `Q` queries of the tile out, and forgets the largest scores but for the sinks.
///
/// # Safety
/// The machine has the instructions of `R`; queries are valid for the shape, memory for what its fields say.
#[inline(always)]
pub unsafe fn begin<L: F32x16, R: DotIsa, const Q: usize>(tile: &QueryTile<'_>, memory: &TileMemory) {
    // SAFETY: the machine has the instructions of `R`; queries are valid for the shape, memory for what its fields
    // say.
    unsafe {
        match tile.shape.profile {
            Profile::F16 => queries::copy::<L, Q>(tile, memory.queries),
            Profile::Q8 | Profile::I8 => queries::quantize::<R, Q>(tile, memory.queries.cast()),
        }
        unroll!(r < Q => {
            let sink = tile.sinks[r % MAX_QUERIES];
            *memory.largest.add(r) = if sink > f32::NEG_INFINITY { sink } else { f32::NEG_INFINITY };
        });
    }
}

/// Scores of some blocks of 16 positions, minus infinity where not visible, on `W` sets of lanes at once: as many
/// chains as hide the time that one multiply-add takes, and as registers hold. Raises [`TileMemory::largest`].
///
/// # Safety
/// As [`begin`], which ran; `pages` holds all positions of the blocks.
#[inline(always)]
pub unsafe fn score<L: F32x16, R: DotIsa, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    blocks: Range<usize>,
) {
    // SAFETY: what [`begin`] asks holds.
    unsafe {
        let largest = match tile.shape.profile {
            Profile::F16 => scores::score_f16::<L, R, Q, W>(tile, memory, blocks),
            Profile::Q8 | Profile::I8 => scores::score_q8::<L, R, Q>(tile, memory, blocks),
        };
        unroll!(r < Q => {
            let most = memory.largest.add(r);
            *most = largest[r].largest().max(*most);
        });
    }
}

/// Writes `results * (1 / total)` to the outputs.
///
/// # Safety
/// The machine has the instructions of `L`; the memory is valid for what its fields say, the tile's outputs for
/// `value_size` numbers each.
#[inline(always)]
pub unsafe fn finish<L: F32x16>(tile: &QueryTile<'_>, memory: &TileMemory) {
    let (size, width) = (tile.shape.value_size, result_width(&tile.shape));
    let whole = size / LANES * LANES;
    for (r, output) in tile.outputs.iter().enumerate().filter(|(_, output)| !output.is_null()) {
        // SAFETY: the machine has the instructions of `L`; the memory is valid for what its fields say, the tile's
        // outputs for `value_size` numbers each.
        unsafe {
            let (results, factor) = (memory.results.add(r * width), 1.0 / *memory.totals.add(r));
            for i in (0..whole).step_by(LANES) {
                L::load(results.add(i)).mul(L::splat(factor)).store(output.add(i));
            }
            (whole..size).for_each(|i| *output.add(i) = *results.add(i) * factor);
        }
    }
}

/// Adds some elements of the visible positions of one segment to results, and its weights to denominators. `elements`
/// begin at a multiple of [`BLOCK`], and end at one or at the last.
///
/// # Safety
/// As [`score`], which ran for all blocks of the segment, and for those of all others before `largest` was read.
#[inline(always)]
pub unsafe fn add<L: F32x16, R: DotIsa, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    segment: usize,
    elements: Range<usize>,
) {
    let blocks = tile.blocks(segment);
    if blocks.is_empty() {
        return;
    }
    let (first, last) = tile.positions();
    let positions = first.max(segment * SEGMENT)..=last.min(segment * SEGMENT + SEGMENT - 1);
    // SAFETY: what [`score`] asks holds.
    unsafe {
        scores::weigh::<L, Q>(tile, memory, blocks.clone());
        match tile.shape.profile {
            Profile::F16 if memory.is_last => {
                values::add_f16::<L, R, Q, W, true>(tile, memory, positions, elements);
            }
            Profile::F16 => values::add_f16::<L, R, Q, W, false>(tile, memory, positions, elements),
            Profile::Q8 => values::add_q8::<L, R, Q, W>(tile, memory, positions, elements),
            Profile::I8 => integer_values::add_i8::<L, R, Q>(tile, memory, positions, elements),
        }
    }
}
