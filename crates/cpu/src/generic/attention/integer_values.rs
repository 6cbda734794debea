//! From the weights of positions and their values to results where both are integers (clause A4 in i8).
//!
//! ```text
//! for each 32 positions:  weight * scale of the value, as integers with one scale
//! for each few elements:  for each 32 positions: an exact sum, then one multiply-add
//! ```
//!
//! A value's elements are to the weights what 16 keys are to a query's elements: the same products of four bytes.

use std::ops::{Range, RangeInclusive};

use hefu_numerics::kv::{BLOCK, PAGE};

use super::queries::{ROWS, quantize_block};
use super::{QueryTile, TileMemory, result_width};
use crate::generic::lanes::{F32x16, LANES};
use crate::generic::rows::DotIsa;
use crate::generic::unroll::unroll;

/// Bytes of 16 elements' codes at four positions, and of 16 elements' at 32.
const GROUP_BYTES: usize = LANES * 4;
const SIXTEEN_BYTES: usize = GROUP_BYTES * (BLOCK / 4);

/// Adds positions of one segment to the results.
#[inline(always)]
pub(super) unsafe fn add_i8<L: F32x16, R: DotIsa, const Q: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    positions: RangeInclusive<usize>,
    elements: Range<usize>,
) {
    let blocks = *positions.start() / BLOCK..*positions.end() / BLOCK + 1;
    let scored = *positions.start() / LANES..*positions.end() / LANES + 1;
    let width = result_width(&tile.shape);
    // SAFETY: the machine has the instructions; values and results are filled up to whole sixteens.
    unsafe {
        let weights = memory.folded.cast::<[u8; 4]>();
        for block in blocks.clone() {
            quantize_weights::<L, R, Q>(tile, memory, block, &scored, weights.add((block - blocks.start) * ROWS * Q));
        }
        for element in (elements.start..elements.end).step_by(R::WIDTH) {
            let mut sums = [R::no_floats(); Q];
            for block in blocks.clone() {
                let (page, slot) = (tile.pages[block * BLOCK / PAGE] as usize, block * BLOCK % PAGE);
                let codes = tile.values.as_ptr().add(tile.shape.value_at(page, tile.head, slot, element));
                let weights = weights.add((block - blocks.start) * ROWS * Q).cast();
                add_block::<R, Q>(codes, weights, &mut sums);
            }
            let one = 1.0_f32;
            let one = R::broadcast((&raw const one).cast());
            unroll!(r < Q => {
                let result = memory.results.add(r * width + element).cast();
                // One times a number, plus another, rounded once: the sum of both.
                R::store(R::fma(one, sums[r], R::load(result)), result);
            });
        }
    }
}

/// The weights of 32 positions as integers: those that are not among the `scored` sixteens are 0.
#[inline(always)]
unsafe fn quantize_weights<L: F32x16, R: DotIsa, const Q: usize>(
    tile: &QueryTile<'_>,
    memory: &TileMemory,
    block: usize,
    scored: &Range<usize>,
    to: *mut [u8; 4],
) {
    let (page, slot) = (tile.pages[block * BLOCK / PAGE] as usize, block * BLOCK % PAGE);
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        let scales = tile.values.as_ptr().add(tile.shape.value_scale_at(page, tile.head, slot, 0)).cast::<u16>();
        let scales = [L::load_f16(scales).to_array(), L::load_f16(scales.add(LANES)).to_array()];
        for r in 0..Q {
            let mut folded = [0.0; BLOCK];
            for (half, (folded, scales)) in folded.as_chunks_mut::<LANES>().0.iter_mut().zip(&scales).enumerate() {
                let sixteen = block * (BLOCK / LANES) + half;
                if !scored.contains(&sixteen) {
                    continue;
                }
                let weights = memory.scores.add(((sixteen - memory.first_block) * Q + r) * LANES);
                let weights = L::load(weights).to_array();
                for ((folded, weight), scale) in folded.iter_mut().zip(weights).zip(scales) {
                    // Where nothing is to be seen, the scale may be anything.
                    *folded = if weight == 0.0 { 0.0 } else { weight * scale };
                }
            }
            quantize_block::<R, Q>(&folded, to.add(r));
        }
    }
}

/// Adds 32 positions to the sums of `R::WIDTH` elements.
#[inline(always)]
unsafe fn add_block<R: DotIsa, const Q: usize>(codes: *const u8, weights: *const u8, sums: &mut [R::Floats; Q]) {
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        R::prefetch_near(codes.wrapping_add(2 * SIXTEEN_BYTES));
        let mut groups = [R::load_codes(codes); 8];
        unroll!(g < 8 => {
            let codes = R::load_codes(codes.add(g * GROUP_BYTES));
            groups[g] = if R::SIGNED_BYTES { R::flip_sign(codes) } else { codes };
        });
        unroll!(r < Q => {
            let too_much = weights.add(((ROWS - 1) * Q + r) * 4);
            let start = if R::SIGNED_BYTES { R::no_sums() } else { R::broadcast_sum(too_much) };
            let sum = R::dot::<8, 0, 8>(&groups, weights.add((Q + r) * 4), Q * 4, start);
            sums[r] = R::fma(R::to_floats(sum), R::broadcast(weights.add(r * 4)), sums[r]);
        });
    }
}
