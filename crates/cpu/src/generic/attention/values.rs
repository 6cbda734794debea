//! From the weights of positions and their values to results.

use std::ops::RangeInclusive;

use hefu_numerics::kv::PAGE;

use super::{MAX_QUERIES, QueryTile};
use crate::generic::lanes::{LANES, Lanes};
use crate::generic::unroll::unroll;

/// The weights `[block][query][16]` from block `first_block` on.
#[derive(Clone, Copy)]
struct Weights {
    from: *const f32,
    first_block: usize,
}

impl Weights {
    /// The first query's weight at position `t`; the next query's is 16 numbers on.
    #[inline(always)]
    unsafe fn at<const Q: usize>(&self, t: usize) -> *const f32 {
        // SAFETY: the caller's duty: `t` lies in the blocks.
        unsafe { self.from.add((t / LANES - self.first_block) * Q * LANES + t % LANES) }
    }
}

/// Adds positions `from..=to`, all of one segment, to the results (`[query][value size, filled up to 16]`).
#[inline(always)]
pub(super) unsafe fn add_segment<L: Lanes, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    scores: *const f32,
    first_block: usize,
    from: usize,
    to: usize,
    results: *mut f32,
) {
    let weights = Weights { from: scores, first_block };
    let size = tile.shape.value_size;
    let mut element = 0;
    while element < size {
        // SAFETY: the caller's duty.
        unsafe {
            let results = results.add(element);
            if element + W * LANES <= size {
                add_elements::<L, Q, W>(tile, weights, from..=to, element, results);
                element += W * LANES;
            } else if element + LANES <= size {
                add_elements::<L, Q, 1>(tile, weights, from..=to, element, results);
                element += LANES;
            } else {
                add_last_elements::<L, Q>(tile, weights, from..=to, element, results);
                element = size;
            }
        }
    }
}

/// The chains of `16 * W` elements, from `element` on.
#[inline(always)]
unsafe fn add_elements<L: Lanes, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: RangeInclusive<usize>,
    element: usize,
    results: *mut f32,
) {
    // SAFETY: the caller's duty.
    unsafe {
        let mut sums = [[L::splat(0.0); W]; Q];
        let (mut t, to) = (*positions.start(), *positions.end());
        while t <= to {
            let page = tile.pages[t / PAGE] as usize;
            let end = (t / PAGE * PAGE + PAGE - 1).min(to);
            let values = tile.values.as_ptr().add(tile.shape.value_index(page, tile.head, t % PAGE, element));
            let seen_by_all = (0..Q).all(|r| tile.visible[r].0 <= t && end <= tile.visible[r].1);
            if seen_by_all {
                add_page::<L, Q, W>(tile, weights, t..=end, values, &mut sums);
            } else {
                add_page_by_query::<L, Q, W>(tile, weights, t..=end, values, &mut sums);
            }
            t = end + 1;
        }
        let width = tile.shape.value_size.next_multiple_of(LANES);
        unroll!(r < Q => {
            unroll!(w < W => {
                let result = results.add(r * width + w * LANES);
                L::load(result).add(sums[r][w]).store(result);
            });
        });
    }
}

/// Positions of one page that every query sees; `values` is the first one's elements.
#[inline(always)]
unsafe fn add_page<L: Lanes, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: RangeInclusive<usize>,
    values: *const u16,
    sums: &mut [[L; W]; Q],
) {
    let from = *positions.start();
    for t in positions {
        // SAFETY: the caller's duty.
        unsafe {
            let values = values.add((t - from) * tile.shape.value_size);
            let weight = weights.at::<Q>(t);
            let mut value = [sums[0][0]; W];
            unroll!(w < W => { value[w] = L::load_f16(values.add(w * LANES)); });
            unroll!(r < Q => {
                let p = L::splat(*weight.add(r * LANES));
                unroll!(w < W => { sums[r][w] = p.fma(value[w], sums[r][w]); });
            });
        }
    }
}

/// Positions of one page that some queries do not see: those leave them out.
#[inline(always)]
unsafe fn add_page_by_query<L: Lanes, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: RangeInclusive<usize>,
    values: *const u16,
    sums: &mut [[L; W]; Q],
) {
    let from = *positions.start();
    for t in positions {
        // SAFETY: the caller's duty.
        unsafe {
            let values = values.add((t - from) * tile.shape.value_size);
            let weight = weights.at::<Q>(t);
            unroll!(r < Q => {
                let (first, last) = tile.visible[r % MAX_QUERIES];
                if first <= t && t <= last {
                    let p = L::splat(*weight.add(r * LANES));
                    unroll!(w < W => { sums[r][w] = p.fma(L::load_f16(values.add(w * LANES)), sums[r][w]); });
                }
            });
        }
    }
}

/// The last elements of values whose size is no multiple of 16: copied out one position at a time.
#[inline(always)]
unsafe fn add_last_elements<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: RangeInclusive<usize>,
    element: usize,
    results: *mut f32,
) {
    let count = tile.shape.value_size - element;
    // SAFETY: the caller's duty.
    unsafe {
        let mut sums = [[L::splat(0.0)]; Q];
        for t in positions {
            let at = tile.shape.value_index(tile.pages[t / PAGE] as usize, tile.head, t % PAGE, element);
            let mut some = [0; LANES];
            some[..count].copy_from_slice(&tile.values[at..at + count]);
            add_page_by_query::<L, Q, 1>(tile, weights, t..=t, some.as_ptr(), &mut sums);
        }
        let width = tile.shape.value_size.next_multiple_of(LANES);
        unroll!(r < Q => {
            let result = results.add(r * width);
            L::load(result).add(sums[r][0]).store(result);
        });
    }
}
