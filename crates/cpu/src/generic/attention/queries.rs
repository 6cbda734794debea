//! Queries as the score kernels read them.

use hefu_numerics::kv::{BLOCK, KEY_OFFSET};

use super::QueryTile;
use crate::generic::lanes::{F32x16, LANES};
use crate::generic::rows::DotIsa;

/// Rows of `Q` numbers of 4 bytes that a block of 32 elements takes as integers: the scale, eight groups of four integers,
/// and what the offset of the codes that they are multiplied with adds too much.
pub(super) const ROWS: usize = 10;

/// `[16 elements][query][element]`: whole registers are copied, and the same element of all queries lies at distances that
/// are constants of a kernel's code.
#[inline(always)]
pub(super) unsafe fn copy<L: F32x16, const Q: usize>(tile: &QueryTile<'_>, queries: *mut f32) {
    let (size, whole) = (tile.shape.key_size, tile.shape.key_size / LANES * LANES);
    for (r, query) in tile.queries[..Q].iter().enumerate() {
        // SAFETY: a query has `size` elements, and `queries` room for whole registers.
        unsafe {
            for i in (0..whole).step_by(LANES) {
                L::load(query.add(i)).store(queries.add(i * Q + r * LANES));
            }
            (whole..size).for_each(|i| *queries.add(whole * Q + r * LANES + i - whole) = *query.add(i));
        }
    }
}

/// `[block][`[`ROWS`]`][query]`, quantised by clause Q1.
#[inline(always)]
pub(super) unsafe fn quantize<R: DotIsa, const Q: usize>(tile: &QueryTile<'_>, queries: *mut [u8; 4]) {
    let size = tile.shape.key_size;
    for block in 0..tile.shape.key_blocks() {
        for (r, query) in tile.queries[..Q].iter().enumerate() {
            let mut x = [0.0; BLOCK];
            let count = BLOCK.min(size - block * BLOCK);
            // SAFETY: a query has `size` elements, and `queries` room for all blocks.
            unsafe {
                std::ptr::copy_nonoverlapping(query.add(block * BLOCK), x.as_mut_ptr(), count);
                quantize_block::<R, Q>(&x, queries.add(block * ROWS * Q + r));
            }
        }
    }
}

/// One query's column of a block of [`ROWS`] rows.
#[inline(always)]
pub(super) unsafe fn quantize_block<R: DotIsa, const Q: usize>(x: &[f32; BLOCK], column: *mut [u8; 4]) {
    let mut q = [0; BLOCK];
    // SAFETY: the machine has the instructions, and there is room; there are 32 numbers.
    unsafe {
        let (scale, sums) = R::quantize(x.as_ptr(), &mut q);
        *column = scale.to_ne_bytes();
        for (group, four) in q.as_chunks::<4>().0.iter().enumerate() {
            *column.add((1 + group) * Q) = four.map(|q| q as u8);
        }
        *column.add((ROWS - 1) * Q) = (-i32::from(KEY_OFFSET) * (sums[0] + sums[1])).to_ne_bytes();
    }
}
