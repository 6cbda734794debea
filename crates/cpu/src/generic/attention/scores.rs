//! From queries and keys to the weights of positions.

use std::ops::Range;

use hefu_numerics::functions::{exp, tanh};
use hefu_numerics::kv::{KEY_LANES, PAGE};

use super::queries::ROWS;
use super::{MAX_QUERIES, QueryTile, TileMemory};
use crate::generic::ahead::moves_on;
use crate::generic::lanes::{F32x16, LANES};
use crate::generic::rows::DotIsa;
use crate::generic::unroll::unroll;
use crate::generic::unrolled::Unrolled;
use crate::layout::LINE;

/// Prefetch distance of keys, in whole sets of blocks: that of weights.
const KEYS_AHEAD: usize = 8 * 1024;

/// Bytes of 16 keys' four elements, and of 16 keys' scales, in q8.
const GROUP_BYTES: usize = KEY_LANES * 4;
const SCALE_BYTES: usize = KEY_LANES * 2;

/// Scores of blocks of 16 keys in binary16; the largest in each lane.
#[inline(always)]
pub(super) unsafe fn score_f16<L: F32x16, R: DotIsa, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    blocks: Range<usize>,
) -> [L; Q] {
    // SAFETY: the machine has the instructions.
    unsafe {
        let mut largest = [L::splat(f32::NEG_INFINITY); Q];
        let mut block = blocks.start;
        while block < blocks.end {
            let scores = memory.scores.add((block - memory.first_block) * Q * LANES);
            // A page holds a whole number of sets of `W` blocks.
            if block.is_multiple_of(W) && block + W <= blocks.end {
                if tile.is_from_memory {
                    score_blocks::<L, R, Q, W, true>(tile, memory.queries, scores, block, &mut largest);
                } else {
                    score_blocks::<L, R, Q, W, false>(tile, memory.queries, scores, block, &mut largest);
                }
                block += W;
            } else {
                score_blocks::<L, R, Q, 1, true>(tile, memory.queries, scores, block, &mut largest);
                block += 1;
            }
        }
        largest
    }
}

/// Scores of `W` blocks of 16 keys, all in one page. `AHEAD`: whether later ones may have to be asked for.
#[inline(always)]
unsafe fn score_blocks<L: F32x16, R: DotIsa, const Q: usize, const W: usize, const AHEAD: bool>(
    tile: &QueryTile<'_>,
    queries: *const f32,
    scores: *mut f32,
    first: usize,
    largest: &mut [L; Q],
) {
    const { assert!(W * LANES <= PAGE && PAGE.is_multiple_of(W * LANES)) };
    let page = tile.pages[first * LANES / PAGE] as usize;
    let at = tile.shape.key_at(page, tile.head, first * LANES % PAGE, 0);
    let block_keys = tile.shape.key_size * LANES;
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        let keys = tile.keys.as_ptr().add(at).cast::<u16>();
        let scale = L::splat(tile.scale);
        let mut sums = [[L::splat(0.0); W]; Q];
        let ahead = Asking::new(tile, first, W);
        // One loop: of two, the inner one would begin and end with all sums in other registers.
        for i in 0..tile.shape.key_size {
            if AHEAD {
                ahead.ask::<R>(i);
            }
            let mut key = [scale; W];
            unroll!(w < W => { key[w] = L::load_f16(keys.add(w * block_keys + i * LANES)); });
            let query = queries.add(i / LANES * LANES * Q + i % LANES);
            unroll!(r < Q => {
                let query = L::splat(*query.add(r * LANES));
                unroll!(w < W => { sums[r][w] = query.fma(key[w], sums[r][w]); });
            });
        }
        unroll!(w < W => {
            unroll!(r < Q => {
                keep::<L>(tile, scale.mul(sums[r][w]), r, first + w, scores.add((w * Q + r) * LANES), &mut largest[r]);
            });
        });
    }
}

/// The keys that some blocks' scores ask for, and behind the last ones the first values, element by element: all at once,
/// they would hold up those that are needed now, and some processors drop hints when too many wait.
struct Asking {
    from: *const u8,
    /// Bytes for each element.
    step: usize,
    /// True if they go to the second cache first.
    moves_on: bool,
}

impl Asking {
    /// Prefetch while `count` blocks from block `first` on are scored, all in one page.
    #[inline(always)]
    fn new(tile: &QueryTile<'_>, first: usize, count: usize) -> Self {
        const NOTHING: Asking = Asking { from: std::ptr::null(), step: 0, moves_on: false };
        if !tile.is_from_memory {
            return NOTHING;
        }
        let (shape, set) = (&tile.shape, count * LANES);
        let next = first * LANES + (KEYS_AHEAD / (shape.key_size * 2) / set * set).max(set);
        let (from, to) = tile.positions();
        let behind = next.checked_sub((to / LANES + 1) * LANES);
        let position = behind.map_or(next, |behind| from / LANES * LANES + behind);
        let Some(&page) = tile.pages.get(position / PAGE) else { return NOTHING };
        let (page, head, slot) = (page as usize, tile.head, position % PAGE);
        let from = match behind {
            None => tile.keys.as_ptr().wrapping_add(shape.key_at(page, head, slot, 0)),
            Some(_) => tile.values.as_ptr().wrapping_add(shape.value_at(page, head, slot, 0)),
        };
        Asking { from, step: set * 2, moves_on: moves_on() }
    }

    /// The share of element `i`.
    #[inline(always)]
    fn ask<R: DotIsa>(&self, i: usize) {
        // Lines that begin in the share: a share may be smaller than a line.
        let mut at = (i * self.step).next_multiple_of(LINE);
        while at < (i + 1) * self.step {
            let line = self.from.wrapping_add(at);
            if self.moves_on {
                R::prefetch(line)
            } else {
                R::prefetch_near(line)
            }
            at += LINE;
        }
    }
}

/// Scores of blocks of 16 keys in q8; the largest in each lane.
#[inline(always)]
pub(super) unsafe fn score_q8<L: F32x16, R: DotIsa, const Q: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    blocks: Range<usize>,
) -> [L; Q] {
    // SAFETY: the machine has the instructions.
    unsafe {
        let mut largest = [L::splat(f32::NEG_INFINITY); Q];
        for block in blocks {
            let (page, slot) = (tile.pages[block * LANES / PAGE] as usize, block * LANES % PAGE);
            let codes = tile.keys.as_ptr().add(tile.shape.key_at(page, tile.head, slot, 0));
            let scales = tile.keys.as_ptr().add(tile.shape.key_scale_at(page, tile.head, slot, 0));
            let scores = memory.scores.add((block - memory.first_block) * Q * LANES);
            for lane in (0..LANES).step_by(R::WIDTH) {
                let (codes, scales) = (codes.add(lane * 4), scales.add(lane * 2));
                score_keys::<R, Q>(tile, memory.queries.cast(), codes, scales, scores.add(lane));
            }
            unroll!(r < Q => {
                let to = scores.add(r * LANES);
                keep::<L>(tile, L::load(to), r, block, to, &mut largest[r]);
            });
        }
        largest
    }
}

/// Scores of `R::WIDTH` keys: exact integers in each block of 32 elements, one chain over the blocks.
#[inline(always)]
unsafe fn score_keys<R: DotIsa, const Q: usize>(
    tile: &QueryTile<'_>,
    queries: *const u8,
    codes: *const u8,
    scales: *const u8,
    scores: *mut f32,
) {
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        let mut sums = [R::no_floats(); Q];
        for block in 0..tile.shape.key_blocks() {
            let codes = codes.add(block * 8 * GROUP_BYTES);
            let mut groups = [R::load_codes(codes); 8];
            unroll!(g < 8 => {
                let codes = R::load_codes(codes.add(g * GROUP_BYTES));
                groups[g] = if R::SIGNED_BYTES { R::flip_sign(codes) } else { codes };
            });
            let key_scale = R::load_f16(scales.add(block * SCALE_BYTES));
            let query = queries.add(block * ROWS * Q * 4);
            unroll!(r < Q => {
                let too_much = query.add(((ROWS - 1) * Q + r) * 4);
                let start = if R::SIGNED_BYTES { R::no_sums() } else { R::broadcast_sum(too_much) };
                let sum = R::dot::<8, 0, 8>(&groups, query.add((Q + r) * 4), Q * 4, start);
                let scale = R::mul(R::broadcast(query.add(r * 4)), key_scale);
                sums[r] = R::fma(R::to_floats(sum), scale, sums[r]);
            });
        }
        let scale = R::broadcast((&raw const tile.scale).cast());
        unroll!(r < Q => { R::store(R::mul(scale, sums[r]), scores.add(r * LANES).cast()); });
    }
}

/// Writes 16 scores of query `r`, less for their distance and bounded if they are to be, hidden where not visible, and raises the largest.
#[inline(always)]
unsafe fn keep<L: F32x16>(tile: &QueryTile<'_>, mut score: L, r: usize, block: usize, to: *mut f32, largest: &mut L) {
    let position = block * LANES;
    let (first, last) = tile.visible[r % MAX_QUERIES];
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        if tile.slopes[r % MAX_QUERIES] > 0.0 {
            let distances: [f32; LANES] =
                std::array::from_fn(|lane| tile.at[r % MAX_QUERIES].abs_diff(position + lane) as f32);
            score = L::splat(-tile.slopes[r % MAX_QUERIES]).fma(L::load(distances.as_ptr()), score);
        }
        if tile.cap > 0.0 {
            let cap = L::splat(tile.cap);
            score = cap.mul(tanh(score.div(cap)));
        }
        if position < first || position + LANES - 1 > last {
            score = hide::<L>(score, position, first, last);
        }
        score.store(to);
    }
    *largest = score.max(*largest);
}

/// Minus infinity in the lanes of positions outside `from..=to`.
#[inline(always)]
unsafe fn hide<L: F32x16>(score: L, position: usize, from: usize, to: usize) -> L {
    let mut lanes = score.to_array();
    for (lane, score) in lanes.iter_mut().enumerate() {
        if !(from..=to).contains(&(position + lane)) {
            *score = f32::NEG_INFINITY;
        }
    }
    // SAFETY: the machine has the instructions; the array has 16 numbers.
    unsafe { L::load(lanes.as_ptr()) }
}

/// Replaces a segment's scores by `exp(score - largest)` and adds them to the denominators. A hidden lane becomes +0,
/// which changes no stripe: stripes begin at +0 and only grow. A query that sees nothing of the segment adds +0.
#[inline(always)]
pub(super) unsafe fn weigh<L: F32x16, const Q: usize>(tile: &QueryTile<'_>, memory: &TileMemory, blocks: Range<usize>) {
    // SAFETY: the machine has the instructions.
    unsafe {
        for r in 0..Q {
            match L::TOGETHER {
                1 => weigh_query::<L, Q, 1>(tile, memory, blocks.clone(), r),
                2 => weigh_query::<L, Q, 2>(tile, memory, blocks.clone(), r),
                4 => weigh_query::<L, Q, 4>(tile, memory, blocks.clone(), r),
                _ => weigh_query::<L, Q, 8>(tile, memory, blocks.clone(), r),
            }
        }
    }
}

/// [`weigh`] for query `r`, `N` blocks at a time.
#[inline(always)]
unsafe fn weigh_query<L: F32x16, const Q: usize, const N: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    mut blocks: Range<usize>,
    r: usize,
) {
    let visible = tile.visible[r % MAX_QUERIES];
    // SAFETY: the machine has the instructions.
    unsafe {
        let largest = L::splat(*memory.largest.add(r));
        let scores = memory.scores.add(r * LANES).wrapping_sub(memory.first_block * Q * LANES);
        let mut stripes = L::splat(0.0);
        while blocks.len() >= N {
            stripes = weigh_blocks::<L, N>(scores, Q * LANES, blocks.start, visible, largest, stripes);
            blocks.start += N;
        }
        for block in blocks {
            stripes = weigh_blocks::<L, 1>(scores, Q * LANES, block, visible, largest, stripes);
        }
        *memory.totals.add(r) += stripes.tree_sum();
    }
}

/// The weights of `N` blocks, in the places of their scores: block `b`'s at `scores + b * stride`. Returns the stripes
/// with the weights added of blocks that are `visible` at all.
#[inline(always)]
unsafe fn weigh_blocks<L: F32x16, const N: usize>(
    scores: *mut f32,
    stride: usize,
    first: usize,
    visible: (usize, usize),
    largest: L,
    mut stripes: L,
) -> L {
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        let mut x = Unrolled([largest; N]);
        for i in 0..N {
            x.0[i] = L::load(scores.wrapping_add((first + i) * stride)).sub(largest);
        }
        let weights = exp(x);
        for i in 0..N {
            let block = first + i;
            weights.0[i].store(scores.wrapping_add(block * stride));
            if block * LANES + LANES > visible.0 && block * LANES <= visible.1 {
                stripes = stripes.add(weights.0[i]);
            }
        }
        stripes
    }
}
