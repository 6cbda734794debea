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

use hefu_numerics::attention::SEGMENT;
use hefu_numerics::functions::exp;
use hefu_numerics::kv::{KEY_LANES, KvShape, PAGE};

use super::lanes::{LANES, Lanes};
use super::unroll::unroll;

const _: () = assert!(LANES == KEY_LANES && SEGMENT % PAGE == 0 && PAGE % LANES == 0);

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

/// Attention of the first `Q` queries of the tile.
///
/// # Safety
/// The machine has the instructions of `L`; queries and outputs are valid for the shape; `scratch` is valid for
/// [`scratch_numbers`] over all queries' visible positions; `pages` holds them all.
#[inline(always)]
pub unsafe fn attend<L: Lanes, const Q: usize>(tile: &QueryTile<'_>, scratch: *mut f32) {
    let first = tile.visible[..Q].iter().map(|range| range.0).min().unwrap_or(0);
    let last = tile.visible[..Q].iter().map(|range| range.1).max().unwrap_or(0);
    let blocks = first / LANES..last / LANES + 1;
    // SAFETY: the caller's duty; the three pieces of scratch follow each other as `scratch_numbers` counts them.
    unsafe {
        let queries = scratch;
        let results = queries.add(Q * tile.shape.key_size);
        let scores = results.add(Q * tile.shape.value_size.next_multiple_of(LANES));
        for i in 0..tile.shape.key_size {
            unroll!(r < Q => { *queries.add(i * Q + r) = *tile.queries[r % MAX_QUERIES].add(i); });
        }
        let largest = score_all::<L, Q>(tile, queries, scores, blocks.clone());
        let totals = weigh_all::<L, Q>(tile, scores, blocks.clone(), largest);
        for i in 0..Q * tile.shape.value_size.next_multiple_of(LANES) {
            *results.add(i) = 0.0;
        }
        for segment in first / SEGMENT..=last / SEGMENT {
            let from = first.max(segment * SEGMENT);
            let to = last.min(segment * SEGMENT + SEGMENT - 1);
            add_segment::<L, Q>(tile, scores, first / LANES, from, to, results);
        }
        finish::<L, Q>(tile, results, &totals);
    }
}

/// Scores of all blocks of 16 keys, `[block][query][16]`, minus infinity where not visible; the largest per query.
#[inline(always)]
unsafe fn score_all<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    queries: *const f32,
    scores: *mut f32,
    blocks: std::ops::Range<usize>,
) -> [f32; Q] {
    // SAFETY: the caller's duty.
    unsafe {
        let scale = L::splat(tile.scale);
        let mut largest = [L::splat(f32::NEG_INFINITY); Q];
        for block in blocks.clone() {
            let page = tile.pages[block * LANES / PAGE] as usize;
            let at = tile.shape.key_index(page, tile.head, block * LANES % PAGE, 0);
            let keys = tile.keys.as_ptr().add(at);
            let mut sums = [L::splat(0.0); Q];
            for i in 0..tile.shape.key_size {
                let key = L::load_f16(keys.add(i * LANES));
                unroll!(r < Q => { sums[r] = L::splat(*queries.add(i * Q + r)).fma(key, sums[r]); });
            }
            let row = scores.add((block - blocks.start) * Q * LANES);
            unroll!(r < Q => {
                let mut score = scale.mul(sums[r]);
                let (from, to) = tile.visible[r % MAX_QUERIES];
                if block * LANES < from || block * LANES + LANES - 1 > to {
                    score = hide::<L>(score, block * LANES, from, to);
                }
                score.store(row.add(r * LANES));
                largest[r] = score.max(largest[r]);
            });
        }
        let mut result = [0.0; Q];
        unroll!(r < Q => { result[r] = largest[r].largest(); });
        result
    }
}

/// Minus infinity in the lanes of positions outside `from..=to`.
#[inline(always)]
unsafe fn hide<L: Lanes>(score: L, position: usize, from: usize, to: usize) -> L {
    let mut lanes = score.to_array();
    for (lane, score) in lanes.iter_mut().enumerate() {
        if !(from..=to).contains(&(position + lane)) {
            *score = f32::NEG_INFINITY;
        }
    }
    // SAFETY: the instructions are the caller's duty; the array has 16 numbers.
    unsafe { L::load(lanes.as_ptr()) }
}

/// Replaces scores by `exp(score - largest)`; returns the denominators. A hidden lane becomes +0, which changes no
/// stripe: stripes begin at +0 and only grow.
#[inline(always)]
unsafe fn weigh_all<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    scores: *mut f32,
    blocks: std::ops::Range<usize>,
    largest: [f32; Q],
) -> [f32; Q] {
    // SAFETY: the caller's duty.
    unsafe {
        let mut totals = [0.0f32; Q];
        for r in 0..Q {
            let largest = L::splat(largest[r]);
            let mut stripes = L::splat(0.0);
            // Segments that the query does not see add +0 to its total.
            for block in blocks.clone() {
                let at = scores.add(((block - blocks.start) * Q + r) * LANES);
                let (from, to) = tile.visible[r % MAX_QUERIES];
                let p = exp(L::load(at).sub(largest));
                p.store(at);
                if block * LANES + LANES > from && block * LANES <= to {
                    stripes = stripes.add(p);
                }
                if (block + 1) * LANES % SEGMENT == 0 || block + 1 == blocks.end {
                    totals[r] += stripes.tree_sum();
                    stripes = L::splat(0.0);
                }
            }
        }
        totals
    }
}

/// Adds positions `from..=to`, all of one segment, to the results.
#[inline(always)]
unsafe fn add_segment<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    scores: *const f32,
    first_block: usize,
    from: usize,
    to: usize,
    results: *mut f32,
) {
    let width = tile.shape.value_size.next_multiple_of(LANES);
    let wide = tile.shape.value_size % LANES == 0;
    for element in (0..width).step_by(LANES) {
        // SAFETY: the caller's duty.
        unsafe {
            let mut sums = [L::splat(0.0); Q];
            let mut t = from;
            while t <= to {
                let page = tile.pages[t / PAGE] as usize;
                let end = (t / PAGE * PAGE + PAGE - 1).min(to);
                let value = tile.shape.value_index(page, tile.head, t % PAGE, element);
                if wide {
                    let values = tile.values.as_ptr().add(value);
                    add_positions::<L, Q>(tile, scores, first_block, t, end, values, &mut sums);
                } else {
                    add_narrow::<L, Q>(tile, scores, first_block, t, end, element, &mut sums);
                }
                t = end + 1;
            }
            unroll!(r < Q => {
                let result = results.add(r * width + element);
                L::load(result).add(sums[r]).store(result);
            });
        }
    }
}

/// Continues the chains over positions `from..=to` of one page; `values` is the 16 elements at `from`.
#[inline(always)]
unsafe fn add_positions<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    scores: *const f32,
    first_block: usize,
    from: usize,
    to: usize,
    values: *const u16,
    sums: &mut [L; Q],
) {
    let seen_by_all = (0..Q).all(|r| tile.visible[r].0 <= from && to <= tile.visible[r].1);
    for t in from..=to {
        // SAFETY: the caller's duty.
        unsafe {
            let value = L::load_f16(values.add((t - from) * tile.shape.value_size));
            let p = scores.add((t / LANES - first_block) * Q * LANES + t % LANES);
            if seen_by_all {
                unroll!(r < Q => { sums[r] = L::splat(*p.add(r * LANES)).fma(value, sums[r]); });
            } else {
                add_seen::<L, Q>(tile, t, p, value, sums);
            }
        }
    }
}

/// Continues the chains of those queries that see position `t`.
#[inline(always)]
unsafe fn add_seen<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    t: usize,
    p: *const f32,
    value: L,
    sums: &mut [L; Q],
) {
    unroll!(r < Q => {
        let (first, last) = tile.visible[r % MAX_QUERIES];
        if first <= t && t <= last {
            // SAFETY: the caller's duty.
            unsafe { sums[r] = L::splat(*p.add(r * LANES)).fma(value, sums[r]) };
        }
    });
}

/// As [`add_positions`], for values whose size is no multiple of 16: the last elements are read one by one.
#[inline(always)]
unsafe fn add_narrow<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    scores: *const f32,
    first_block: usize,
    from: usize,
    to: usize,
    element: usize,
    sums: &mut [L; Q],
) {
    let count = (tile.shape.value_size - element).min(LANES);
    let page = tile.pages[from / PAGE] as usize;
    for t in from..=to {
        let at = tile.shape.value_index(page, tile.head, t % PAGE, element);
        let mut some = [0; LANES];
        some[..count].copy_from_slice(&tile.values[at..at + count]);
        // SAFETY: the caller's duty; `some` has 16 numbers.
        unsafe {
            let p = scores.add((t / LANES - first_block) * Q * LANES + t % LANES);
            add_seen::<L, Q>(tile, t, p, L::load_f16(some.as_ptr()), sums);
        }
    }
}

#[inline(always)]
unsafe fn finish<L: Lanes, const Q: usize>(tile: &QueryTile<'_>, results: *const f32, totals: &[f32; Q]) {
    let size = tile.shape.value_size;
    let width = size.next_multiple_of(LANES);
    for r in 0..Q {
        if tile.outputs[r].is_null() {
            continue;
        }
        let factor = 1.0 / totals[r];
        for i in 0..size {
            // SAFETY: the caller's duty: an output takes `value_size` numbers.
            unsafe { *tile.outputs[r].add(i) = *results.add(r * width + i) * factor };
        }
    }
}
