//! Queries as the score kernels read them.

use hefu_numerics::kv::{BLOCK, KEY_OFFSET};

use super::{MAX_QUERIES, QueryTile};
use crate::generic::rows::Rows;
use crate::generic::unroll::unroll;

/// Rows of `Q` numbers of 4 bytes that a block of 32 elements takes in q8: the scale, eight groups of four integers, and
/// what the keys' offset adds too much.
pub(super) const ROWS: usize = 10;

/// `[element][query]`.
#[inline(always)]
pub(super) unsafe fn transpose<const Q: usize>(tile: &QueryTile<'_>, queries: *mut f32) {
    for i in 0..tile.shape.key_size {
        // SAFETY: the caller's duty.
        unsafe {
            unroll!(r < Q => { *queries.add(i * Q + r) = *tile.queries[r % MAX_QUERIES].add(i); });
        }
    }
}

/// `[block][`[`ROWS`]`][query]`, quantised by clause Q1.
#[inline(always)]
pub(super) unsafe fn quantize<R: Rows, const Q: usize>(tile: &QueryTile<'_>, queries: *mut [u8; 4]) {
    let size = tile.shape.key_size;
    for block in 0..tile.shape.key_blocks() {
        for (r, query) in tile.queries[..Q].iter().enumerate() {
            let mut x = [0.0; BLOCK];
            let count = BLOCK.min(size - block * BLOCK);
            let mut q = [0; BLOCK];
            // SAFETY: the caller's duty: a query has `size` elements, and `queries` room for all blocks.
            unsafe {
                std::ptr::copy_nonoverlapping(query.add(block * BLOCK), x.as_mut_ptr(), count);
                let (scale, sums) = R::quantize(x.as_ptr(), &mut q);
                let column = queries.add(block * ROWS * Q + r);
                *column = scale.to_ne_bytes();
                for (group, four) in q.chunks_exact(4).enumerate() {
                    *column.add((1 + group) * Q) = [four[0], four[1], four[2], four[3]].map(|q| q as u8);
                }
                *column.add((ROWS - 1) * Q) = (-i32::from(KEY_OFFSET) * (sums[0] + sums[1])).to_ne_bytes();
            }
        }
    }
}
