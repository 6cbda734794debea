//! Products with quantised weights (clause Q2).
//!
//! ```text
//! for each block of 32 columns, ascending:
//!     take the block's codes, scales and minimums for WIDTH rows into registers
//!     for each token of the tile:
//!         isum = correction + sum over column groups of codes * q     exact, any order
//!         acc  = fma(f32(isum), s * d, acc)
//!         acc  = fma(m, -(d * sum q), acc)                            formats with a minimum
//! ```
//!
//! The block comes either straight from the packed planes ([`Packed`], for one tile) or from codes that were taken
//! apart before ([`super::unpacked::Unpacked`], shared by many tiles); both give the same registers.

use std::sync::atomic::Ordering;

use super::format_consts::FormatConsts;
use super::job::TileJob;
use super::rows::DotIsa;
use super::take::{Block, take_block_and_ask};
use super::unroll::unroll;
use crate::layout::GROUP;

/// Source of blocks.
///
/// # Safety
/// `block` may be called only on a machine with the instructions of `R` and with a job whose pointers are valid.
pub unsafe trait Source<R: DotIsa> {
    /// Width of the codes in registers.
    const BITS: u32;
    /// True if 16 columns share a scale.
    const HALVES: bool;
    /// True if there are minimums.
    const MINIMUM: bool;

    /// The rows from `first_row` on of block `index`.
    ///
    /// # Safety
    /// See the trait.
    unsafe fn block(job: &TileJob, first_row: usize, index: usize) -> Block<R>;
}

/// Straight from the packed planes. `MOVES_ON`: how they are asked for, [`super::ahead::moves_on`]; asking every time
/// which of the two it is costs single tokens 4 %.
pub struct Packed<const TYPE: u32, const MOVES_ON: bool>;

// SAFETY: reads only within the group that the job's pointers name.
unsafe impl<R: DotIsa, const TYPE: u32, const MOVES_ON: bool> Source<R> for Packed<TYPE, MOVES_ON> {
    const BITS: u32 = FormatConsts::<TYPE>::BITS;
    const HALVES: bool = FormatConsts::<TYPE>::HALVES;
    const MINIMUM: bool = FormatConsts::<TYPE>::MINIMUM;

    #[inline(always)]
    unsafe fn block(job: &TileJob, first_row: usize, index: usize) -> Block<R> {
        // SAFETY: the machine has the instructions.
        unsafe { take_block_and_ask::<R, TYPE>(job, first_row, index, MOVES_ON) }
    }
}

/// The product of one tile of `T` tokens with some groups of rows, one after the other.
///
/// # Safety
/// The machine has the instructions of `R`; the job's pointers are valid for its shape.
#[inline(always)]
pub unsafe fn tile<R: DotIsa, S: Source<R>, const T: usize>(job: &TileJob) {
    let mut job = *job;
    for _ in 0..job.groups {
        // SAFETY: the machine has the instructions of `R`; the job's pointers are valid for its shape.
        unsafe { group::<R, S, T>(&job) };
        job.codes = job.codes.wrapping_add(job.next_codes);
        job.output = job.output.wrapping_add(GROUP);
    }
}

/// One group's.
///
/// # Safety
/// As [`tile`].
#[inline(always)]
unsafe fn group<R: DotIsa, S: Source<R>, const T: usize>(job: &TileJob) {
    // The places of the next group's results: each token's lie in a line of their own, far from each other, and stores
    // become visible one after the other.
    unroll!(t < T => {
        R::prefetch_for_writing(job.output.wrapping_add(t * job.output_stride + GROUP).cast());
    });
    for half in 0..GROUP / R::WIDTH {
        let row = half * R::WIDTH;
        // SAFETY: what [`tile`] asks holds.
        unsafe {
            let mut sums = [R::no_floats(); T];
            for index in 0..job.blocks {
                let block = S::block(job, row, index);
                add_block::<R, S, T>(job, &block, job.tile.add(index * job.block_bytes), &mut sums);
            }
            unroll!(t < T => {
                R::store(sums[t], job.output.add(t * job.output_stride + row).cast());
            });
            find_not_finite::<R, T>(job, &sums);
        }
    }
}

/// Sets [`TileJob::not_finite`] if one of the sums is a NaN or an infinity.
///
/// # Safety
/// The machine has the instructions of `R`; the job's pointer is null or valid.
#[inline(always)]
pub unsafe fn find_not_finite<R: DotIsa, const T: usize>(job: &TileJob, sums: &[R::Floats; T]) {
    // SAFETY: the machine has the instructions of `R`; the job's pointer is null or valid.
    let Some(found) = (unsafe { job.not_finite.as_ref() }) else { return };
    let mut rows = [0.0_f32; GROUP];
    // SAFETY: the machine has the instructions of `R`; the job's pointer is null or valid; there is room for as many
    // rows as a register has.
    unsafe {
        let zero = R::no_floats();
        let mut all = zero;
        // Zero times anything that is not finite is a NaN, which then stays.
        unroll!(t < T => { all = R::fma(sums[t], zero, all); });
        R::store(all, rows.as_mut_ptr().cast());
    }
    // All of them, which takes no branch.
    if rows.iter().fold(false, |found, row| found | row.is_nan()) {
        found.store(true, Ordering::Relaxed);
    }
}

#[inline(always)]
unsafe fn add_block<R: DotIsa, S: Source<R>, const T: usize>(
    job: &TileJob,
    block: &Block<R>,
    tile: *const u8,
    sums: &mut [R::Floats; T],
) {
    unroll!(t < T => {
        // SAFETY: a whole block of the tile.
        unsafe { sums[t] = add_token::<R, S, T>(job, block, tile.add(t * 4), sums[t]) };
    });
}

/// Adds the block's product with the token whose numbers begin at `at` in row 0.
#[inline(always)]
unsafe fn add_token<R: DotIsa, S: Source<R>, const T: usize>(
    job: &TileJob,
    block: &Block<R>,
    at: *const u8,
    mut sum: R::Floats,
) -> R::Floats {
    let stride = T * 4;
    // SAFETY: a whole block of the tile.
    unsafe {
        let d = R::broadcast(at);
        if S::HALVES {
            unroll!(half < 2 => {
                let start = correction::<R, S>(at.add(job.corrections_at + half * stride));
                let q = at.add((1 + half * 4) * stride);
                let isum = match half {
                    0 => dot::<R, S, 0, 4>(&block.codes, q, stride, start),
                    _ => dot::<R, S, 4, 4>(&block.codes, q, stride, start),
                };
                sum = R::fma(R::to_floats(isum), R::mul(block.scales[half], d), sum);
                if S::MINIMUM {
                    let factor = R::broadcast(at.add(job.minimum_factors_at + half * stride));
                    sum = R::fma(block.minimums[half], factor, sum);
                }
            });
        } else {
            let start = correction::<R, S>(at.add(job.corrections_at));
            let isum = dot::<R, S, 0, 8>(&block.codes, at.add(stride), stride, start);
            sum = R::fma(R::to_floats(isum), R::mul(block.scales[0], d), sum);
            if S::MINIMUM {
                sum = R::fma(block.minimums[0], R::broadcast(at.add(job.minimum_factors_at)), sum);
            }
        }
    }
    sum
}

/// Start of an integer sum: formats with a minimum have codes without offset.
#[inline(always)]
unsafe fn correction<R: DotIsa, S: Source<R>>(at: *const u8) -> R::Sums {
    // SAFETY: 4 bytes at `at`.
    unsafe { if S::MINIMUM || (S::BITS == 8 && R::SIGNED_BYTES) { R::no_sums() } else { R::broadcast_sum(at) } }
}

#[inline(always)]
unsafe fn dot<R: DotIsa, S: Source<R>, const FROM: usize, const N: usize>(
    codes: &[R::Codes; 8],
    q: *const u8,
    stride: usize,
    start: R::Sums,
) -> R::Sums {
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        match S::BITS {
            8 => R::dot::<8, FROM, N>(codes, q, stride, start),
            6 => R::dot::<6, FROM, N>(codes, q, stride, start),
            5 => R::dot::<5, FROM, N>(codes, q, stride, start),
            _ => R::dot::<4, FROM, N>(codes, q, stride, start),
        }
    }
}
