//! From queries and keys to the weights of positions.

use std::ops::Range;

use hefu_numerics::attention::SEGMENT;
use hefu_numerics::functions::exp;
use hefu_numerics::kv::PAGE;

use super::{MAX_QUERIES, QueryTile};
use crate::generic::lanes::{LANES, Lanes};
use crate::generic::unroll::unroll;

/// Scores of all blocks of 16 keys, `[block][query][16]`, minus infinity where not visible; the largest per query.
#[inline(always)]
pub(super) unsafe fn score_all<L: Lanes, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    queries: *const f32,
    scores: *mut f32,
    blocks: Range<usize>,
) -> [f32; Q] {
    // SAFETY: the caller's duty.
    unsafe {
        let mut largest = [L::splat(f32::NEG_INFINITY); Q];
        let mut block = blocks.start;
        while block < blocks.end {
            let row = scores.add((block - blocks.start) * Q * LANES);
            // A page holds a whole number of sets of `W` blocks.
            if block.is_multiple_of(W) && block + W <= blocks.end {
                score_blocks::<L, Q, W>(tile, queries, row, block, &mut largest);
                block += W;
            } else {
                score_blocks::<L, Q, 1>(tile, queries, row, block, &mut largest);
                block += 1;
            }
        }
        let mut result = [0.0; Q];
        unroll!(r < Q => { result[r] = largest[r].largest(); });
        result
    }
}

/// Scores of `W` blocks of 16 keys, all in one page.
#[inline(always)]
unsafe fn score_blocks<L: Lanes, const Q: usize, const W: usize>(
    tile: &QueryTile<'_>,
    queries: *const f32,
    scores: *mut f32,
    first: usize,
    largest: &mut [L; Q],
) {
    const { assert!(W * LANES <= PAGE && PAGE.is_multiple_of(W * LANES)) };
    let page = tile.pages[first * LANES / PAGE] as usize;
    let at = tile.shape.key_index(page, tile.head, first * LANES % PAGE, 0);
    let block_keys = tile.shape.key_size * LANES;
    // SAFETY: the caller's duty.
    unsafe {
        let keys = tile.keys.as_ptr().add(at);
        let scale = L::splat(tile.scale);
        let mut sums = [[L::splat(0.0); W]; Q];
        for i in 0..tile.shape.key_size {
            let mut key = [scale; W];
            unroll!(w < W => { key[w] = L::load_f16(keys.add(w * block_keys + i * LANES)); });
            unroll!(r < Q => {
                let query = L::splat(*queries.add(i * Q + r));
                unroll!(w < W => { sums[r][w] = query.fma(key[w], sums[r][w]); });
            });
        }
        unroll!(w < W => {
            let position = (first + w) * LANES;
            unroll!(r < Q => {
                let mut score = scale.mul(sums[r][w]);
                let (from, to) = tile.visible[r % MAX_QUERIES];
                if position < from || position + LANES - 1 > to {
                    score = hide::<L>(score, position, from, to);
                }
                score.store(scores.add((w * Q + r) * LANES));
                largest[r] = score.max(largest[r]);
            });
        });
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
pub(super) unsafe fn weigh_all<L: Lanes, const Q: usize>(
    tile: &QueryTile<'_>,
    scores: *mut f32,
    blocks: Range<usize>,
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
                let (from, to) = tile.visible[r];
                let p = exp(L::load(at).sub(largest));
                p.store(at);
                if block * LANES + LANES > from && block * LANES <= to {
                    stripes = stripes.add(p);
                }
                if ((block + 1) * LANES).is_multiple_of(SEGMENT) || block + 1 == blocks.end {
                    totals[r] += stripes.tree_sum();
                    stripes = L::splat(0.0);
                }
            }
        }
        totals
    }
}
