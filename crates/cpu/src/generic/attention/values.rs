//! From the weights of positions and their values to results.

use std::ops::{Range, RangeInclusive};

use hefu_numerics::kv::{BLOCK, PAGE};

use super::{MAX_QUERIES, QueryTile, TileMemory, result_width};
use crate::generic::ahead::moves_on;
use crate::generic::lanes::{F32x16, LANES};
use crate::generic::rows::DotIsa;
use crate::generic::unroll::unroll;
use crate::layout::LINE;

/// Prefetch distance of values in positions, in all passes over them: less than a page. Measured with 16 sequences
/// and heads of 64 elements: with 32, attention takes 7 % longer; with heads of 256 it takes as long.
const VALUES_AHEAD: usize = 48;

/// Storage of a number of a value.
trait Number {
    /// Its bytes.
    const BYTES: usize;

    /// Reads 16 of them.
    unsafe fn load<L: F32x16>(from: *const u8) -> L;
}

/// binary16.
struct Half;

impl Number for Half {
    const BYTES: usize = 2;

    #[inline(always)]
    unsafe fn load<L: F32x16>(from: *const u8) -> L {
        // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
        unsafe { L::load_f16(from.cast()) }
    }
}

/// A signed byte, whose scale is in the weight already.
struct Byte;

impl Number for Byte {
    const BYTES: usize = 1;

    #[inline(always)]
    unsafe fn load<L: F32x16>(from: *const u8) -> L {
        // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
        unsafe { L::load_i8(from.cast()) }
    }
}

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
        // SAFETY: `t` lies in the blocks.
        unsafe { self.from.add((t / LANES - self.first_block) * Q * LANES + t % LANES) }
    }
}

/// Adds positions of one segment to the results, values being binary16.
#[inline(always)]
pub(super) unsafe fn add_f16<L: F32x16, R: DotIsa, const Q: usize, const W: usize, const LAST: bool>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    positions: RangeInclusive<usize>,
    elements: Range<usize>,
) {
    let weights = Weights { from: memory.scores, first_block: memory.first_block };
    let (mut element, size) = (elements.start, elements.end);
    while element < size {
        // SAFETY: the machine has the instructions.
        unsafe {
            // The first pass asks for all elements: those of later passes would come too late, and lie beside them.
            let ask = if element == elements.start { (size - element) * Half::BYTES } else { 0 };
            if element + W * LANES <= size {
                add_elements::<L, R, Half, Q, W, LAST>(tile, weights, &positions, element, ask, memory);
                element += W * LANES;
            } else if element + LANES <= size {
                add_elements::<L, R, Half, Q, 1, LAST>(tile, weights, &positions, element, ask, memory);
                element += LANES;
            } else {
                add_last_elements::<L, Q>(tile, weights, &positions, element, memory.results.add(element));
                element = size;
            }
        }
    }
}

/// Adds positions of one segment to the results, values being q8: block by block of 32 elements, each with weights that
/// the block's scales are folded into.
#[inline(always)]
pub(super) unsafe fn add_q8<L: F32x16, R: DotIsa, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    positions: RangeInclusive<usize>,
    elements: Range<usize>,
) {
    let weights = Weights { from: memory.folded, first_block: *positions.start() / LANES };
    for block in elements.start / BLOCK..elements.end.div_ceil(BLOCK) {
        let element = block * BLOCK;
        // SAFETY: the machine has the instructions; rows are filled up to whole blocks, in the cache and in the
        // results.
        unsafe {
            let ask = if element == elements.start { elements.len() * Byte::BYTES } else { 0 };
            fold::<L, Q>(tile, memory, &positions, block);
            if W >= 2 {
                add_elements::<L, R, Byte, Q, 2, false>(tile, weights, &positions, element, ask, memory);
            } else {
                add_elements::<L, R, Byte, Q, 1, false>(tile, weights, &positions, element, ask, memory);
                add_elements::<L, R, Byte, Q, 1, false>(tile, weights, &positions, element + LANES, 0, memory);
            }
        }
    }
}

/// `weight * scale` of a block of elements, for all positions.
#[inline(always)]
unsafe fn fold<L: F32x16, const Q: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    positions: &RangeInclusive<usize>,
    block: usize,
) {
    let first = *positions.start() / LANES;
    for sixteen in first..=*positions.end() / LANES {
        let (page, slot) = (tile.pages[sixteen * LANES / PAGE] as usize, sixteen * LANES % PAGE);
        let at = tile.shape.value_scale_at(page, tile.head, slot, block);
        // SAFETY: the machine has the instructions.
        unsafe {
            let scales = L::load_f16(tile.values.as_ptr().add(at).cast());
            let weights = memory.scores.add((sixteen - memory.first_block) * Q * LANES);
            let folded = memory.folded.add((sixteen - first) * Q * LANES);
            unroll!(r < Q => { L::load(weights.add(r * LANES)).mul(scales).store(folded.add(r * LANES)); });
        }
    }
}

/// The chains of `16 * W` elements, from `element` on; with `LAST`, what they come to goes to the outputs. Meanwhile `ask`
/// bytes of each later position are asked for, from `element` on.
#[inline(always)]
unsafe fn add_elements<L: F32x16, R: DotIsa, N: Number, const Q: usize, const W: usize, const LAST: bool>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: &RangeInclusive<usize>,
    element: usize,
    ask: usize,
    memory: &TileMemory,
) {
    let moves_on = moves_on();
    // SAFETY: the machine has the instructions.
    unsafe {
        let mut sums = [[L::splat(0.0); W]; Q];
        let (mut t, to) = (*positions.start(), *positions.end());
        let (all_from, all_to) = tile.seen_by_all();
        while t <= to {
            let page = tile.pages[t / PAGE] as usize;
            let mut end = (t / PAGE * PAGE + PAGE - 1).min(to);
            let values = tile.values.as_ptr().add(tile.shape.value_at(page, tile.head, t % PAGE, element));
            if (all_from..=all_to).contains(&t) {
                end = end.min(all_to);
                if tile.is_from_memory && ask > 0 {
                    let then = match tile.pages.get(t / PAGE + 1) {
                        Some(&page) if t / PAGE < to / PAGE => {
                            let at = tile.shape.value_at(page as usize, tile.head, 0, element);
                            Then { slots: PAGE, from: tile.values.as_ptr().wrapping_add(at), ask, moves_on }
                        }
                        _ => {
                            let from = tile.then.wrapping_add(element * N::BYTES);
                            Then { slots: to % PAGE + 1, from, ask, moves_on }
                        }
                    };
                    add_page::<L, R, N, Q, W, true>(tile, weights, t..=end, values, then, &mut sums);
                } else {
                    let then = Then { slots: PAGE, from: values, ask: 0, moves_on };
                    add_page::<L, R, N, Q, W, false>(tile, weights, t..=end, values, then, &mut sums);
                }
            } else {
                if t < all_from {
                    end = end.min(all_from - 1);
                }
                add_page_by_query::<L, N, Q, W>(tile, weights, t..=end, values, &mut sums);
            }
            t = end + 1;
        }
        let width = result_width(&tile.shape);
        unroll!(r < Q => {
            unroll!(w < W => {
                let (output, at) = (tile.outputs[r % MAX_QUERIES], element + w * LANES);
                if LAST {
                    if !output.is_null() {
                        let factor = L::splat(1.0 / *memory.totals.add(r));
                        L::splat(0.0).add(sums[r][w]).mul(factor).store(output.add(at));
                    }
                } else {
                    let result = memory.results.add(r * width + at);
                    L::load(result).add(sums[r][w]).store(result);
                }
            });
        });
    }
}

/// Prefetch behind a page's values.
struct Then {
    /// Positions of the page that are read.
    slots: usize,
    /// Where what follows begins.
    from: *const u8,
    /// Bytes of each position.
    ask: usize,
    /// True if they go to the second cache first.
    moves_on: bool,
}

/// Positions of one page that every query sees; `values` is the first one's elements. `AHEAD`: whether to ask for later
/// ones, and for what comes `then`.
#[inline(always)]
unsafe fn add_page<L: F32x16, R: DotIsa, N: Number, const Q: usize, const W: usize, const AHEAD: bool>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: RangeInclusive<usize>,
    values: *const u8,
    then: Then,
    sums: &mut [[L; W]; Q],
) {
    let row = tile.shape.value_row_bytes();
    let (mut t, end) = (*positions.start(), *positions.end() + 1);
    let mut values = values;
    let mut slot = t % PAGE;
    // Plain counters: with an inclusive range the compiler copies all sums to other registers at each step.
    while t < end {
        let sixteen = (t / LANES + 1) * LANES;
        let count = sixteen.min(end) - t;
        // SAFETY: the machine has the instructions, and the pointer is valid for what this touches; weights of
        // positions in the same sixteen follow each other.
        unsafe {
            let mut weight = weights.at::<Q>(t);
            for _ in 0..count {
                let mut value = [sums[0][0]; W];
                unroll!(w < W => { value[w] = N::load::<L>(values.add(w * LANES * N::BYTES)); });
                if AHEAD {
                    let from = match slot + VALUES_AHEAD {
                        ahead if ahead < then.slots => values.wrapping_add(VALUES_AHEAD * row),
                        ahead => then.from.wrapping_add((ahead - then.slots) * row),
                    };
                    slot += 1;
                    for line in (0..then.ask).step_by(LINE) {
                        let at = from.wrapping_add(line);
                        if then.moves_on { R::prefetch(at) } else { R::prefetch_near(at) }
                    }
                }
                unroll!(r < Q => {
                    let p = L::splat(*weight.add(r * LANES));
                    unroll!(w < W => { sums[r][w] = p.fma(value[w], sums[r][w]); });
                });
                values = values.add(row);
                weight = weight.add(1);
            }
        }
        t = sixteen;
    }
}

/// Positions of one page that some queries do not see: those leave them out.
#[inline(always)]
unsafe fn add_page_by_query<L: F32x16, N: Number, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: RangeInclusive<usize>,
    values: *const u8,
    sums: &mut [[L; W]; Q],
) {
    let (from, end) = (*positions.start(), *positions.end() + 1);
    let row = tile.shape.value_row_bytes();
    for t in from..end {
        // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
        unsafe {
            let values = values.add((t - from) * row);
            let weight = weights.at::<Q>(t);
            unroll!(r < Q => {
                let (first, last) = tile.visible[r % MAX_QUERIES];
                if first <= t && t <= last {
                    let p = L::splat(*weight.add(r * LANES));
                    unroll!(w < W => {
                        sums[r][w] = p.fma(N::load::<L>(values.add(w * LANES * N::BYTES)), sums[r][w]);
                    });
                }
            });
        }
    }
}

/// The last elements of values whose size is no multiple of 16: copied out one position at a time.
#[inline(always)]
unsafe fn add_last_elements<L: F32x16, const Q: usize>(
    tile: &QueryTile<'_>,
    weights: Weights,
    positions: &RangeInclusive<usize>,
    element: usize,
    results: *mut f32,
) {
    let bytes = (tile.shape.value_size - element) * Half::BYTES;
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        let mut sums = [[L::splat(0.0)]; Q];
        for t in positions.clone() {
            let at = tile.shape.value_at(tile.pages[t / PAGE] as usize, tile.head, t % PAGE, element);
            let mut some = [0; LANES * Half::BYTES];
            some[..bytes].copy_from_slice(&tile.values[at..at + bytes]);
            add_page_by_query::<L, Half, Q, 1>(tile, weights, t..=t, some.as_ptr(), &mut sums);
        }
        let width = result_width(&tile.shape);
        unroll!(r < Q => {
            let result = results.add(r * width);
            L::load(result).add(sums[r][0]).store(result);
        });
    }
}
