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

use super::ahead::fetch_ahead;
use super::class::Class;
use super::job::TileJob;
use super::rows::Rows;
use super::unroll::unroll;
use crate::layout::{BLOCK, GROUP, LINE};

/// 32 columns of `R::WIDTH` rows in registers.
pub struct Block<R: Rows> {
    /// Four columns each.
    pub codes: [R::Codes; 8],
    /// Per 32 columns, or per 16.
    pub scales: [R::Floats; 2],
    /// Alike; zero without minimums.
    pub minimums: [R::Floats; 2],
}

/// Where blocks come from.
///
/// # Safety
/// `block` may be called only on a machine with the instructions of `R` and with a job whose pointers are valid.
pub unsafe trait Source<R: Rows> {
    /// Width of the codes in registers.
    const BITS: u32;
    /// Whether 16 columns share a scale.
    const HALVES: bool;
    /// Whether there are minimums.
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
unsafe impl<R: Rows, const TYPE: u32, const MOVES_ON: bool> Source<R> for Packed<TYPE, MOVES_ON> {
    const BITS: u32 = Class::<TYPE>::BITS;
    const HALVES: bool = Class::<TYPE>::HALVES;
    const MINIMUM: bool = Class::<TYPE>::MINIMUM;

    #[inline(always)]
    unsafe fn block(job: &TileJob, first_row: usize, index: usize) -> Block<R> {
        // SAFETY: the caller's duty.
        unsafe { take_block_and_ask::<R, TYPE>(job, first_row, index, MOVES_ON) }
    }
}

/// As [`take_block`], asking for what comes later.
///
/// # Safety
/// As [`Source::block`].
#[inline(always)]
pub unsafe fn take_block_and_ask<R: Rows, const TYPE: u32>(
    job: &TileJob,
    first_row: usize,
    index: usize,
    moves_on: bool,
) -> Block<R> {
    if first_row == 0 {
        fetch_ahead::<R, TYPE>(job.codes, index, moves_on);
    }
    // SAFETY: the caller's duty.
    unsafe { take_block::<R, TYPE>(job, first_row, index) }
}

/// The rows from `first_row` on of block `index`, straight from the packed planes.
///
/// # Safety
/// As [`Source::block`].
#[inline(always)]
pub unsafe fn take_block<R: Rows, const TYPE: u32>(job: &TileJob, first_row: usize, index: usize) -> Block<R> {
    let layout = Class::<TYPE>::LAYOUT;
    // SAFETY: block `index` lies within the group; each line has 4 bytes per row.
    unsafe {
        let codes = take_codes::<R, TYPE>(job.codes.add(layout.codes_at(index) + first_row * 4));
        let at = job.codes.add(index / layout.blocks() * layout.file_block_bytes() + layout.scales_at());
        let (scales, minimums) = take_scales::<R, TYPE>(at, first_row, index * BLOCK % layout.file_block);
        Block { codes, scales, minimums }
    }
}

/// Codes of 8 column groups out of their planes.
#[inline(always)]
unsafe fn take_codes<R: Rows, const TYPE: u32>(planes: *const u8) -> [R::Codes; 8] {
    // SAFETY: the caller's duty.
    unsafe {
        let mut codes = [R::load_codes(planes); 8];
        unroll!(g < 8 => { codes[g] = take_group::<R, TYPE>(planes, g); });
        codes
    }
}

/// Codes of column group `g` out of a block's planes.
///
/// # Safety
/// The machine has the instructions of `R`; `planes` is a whole block's.
#[inline(always)]
pub unsafe fn take_group<R: Rows, const TYPE: u32>(planes: *const u8, g: usize) -> R::Codes {
    // SAFETY: the caller's duty.
    unsafe {
        let codes = match Class::<TYPE>::QUANTISED.code_bits {
            8 => {
                let codes = R::load_codes(planes.add(g * LINE));
                if R::SIGNED_BYTES { R::flip_sign(codes) } else { codes }
            }
            2 | 3 => take_bits::<R>(planes, 2, 0, g),
            _ => take_bits::<R>(planes, 4, 0, g),
        };
        let codes = match Class::<TYPE>::QUANTISED.code_bits {
            3 => R::or(codes, take_bits::<R>(planes.add(2 * LINE), 1, 2, g)),
            5 => R::or(codes, take_bits::<R>(planes.add(4 * LINE), 1, 4, g)),
            6 => R::or(codes, take_bits::<R>(planes.add(4 * LINE), 2, 4, g)),
            _ => codes,
        };
        match const { &Class::<TYPE>::table(false) } {
            Some(table) => {
                let table = if R::SIGNED_BYTES { const { &unwrap(Class::<TYPE>::table(true)) } } else { table };
                R::look_up(codes, table)
            }
            None => codes,
        }
    }
}

const fn unwrap(table: Option<[u8; 16]>) -> [u8; 16] {
    match table {
        Some(table) => table,
        None => [0; 16],
    }
}

/// Takes `bits` bits of column group `g` out of a plane, to place `to` of the code.
#[inline(always)]
unsafe fn take_bits<R: Rows>(plane: *const u8, bits: i32, to: i32, g: usize) -> R::Codes {
    let lines = bits as usize;
    let mask = (((1u32 << bits) - 1) << to) as u8;
    // SAFETY: the caller's duty: `lines` whole lines.
    unsafe {
        let line = R::load_codes(plane.add(g % lines * LINE));
        R::shift_and(line, to - (g / lines) as i32 * bits, mask)
    }
}

/// Scales and minimums of the block that begins at `column` of the file block whose scales lie at `at`.
///
/// # Safety
/// The machine has the instructions of `R`; `at` is valid for a whole file block's scales.
#[inline(always)]
pub unsafe fn take_scales<R: Rows, const TYPE: u32>(
    at: *const u8,
    row: usize,
    column: usize,
) -> ([R::Floats; 2], [R::Floats; 2]) {
    let layout = Class::<TYPE>::LAYOUT;
    // SAFETY: the caller's duty: a whole file block's scales.
    unsafe {
        let load = if Class::<TYPE>::BF16_SCALE { R::load_bf16 } else { R::load_f16 };
        let mut scales = [load(at.add(row * 2)); 2];
        let mut minimums = [R::no_floats(); 2];
        if Class::<TYPE>::MINIMUM {
            minimums = [R::load_f16(at.add(layout.minimums_at + row * 2)); 2];
        }
        if Class::<TYPE>::QUANTISED.has_sub_scales {
            for sub in 0..Class::<TYPE>::SUBS {
                let index = column / Class::<TYPE>::QUANTISED.sub_block + sub;
                let factor = R::load_signed_bytes(at.add(layout.sub_scales_at + index * GROUP + row));
                scales[sub] = R::mul(scales[sub], factor);
                if Class::<TYPE>::MINIMUM {
                    let factor = R::load_unsigned_bytes(at.add(layout.sub_minimums_at + index * GROUP + row));
                    minimums[sub] = R::mul(minimums[sub], factor);
                }
            }
        }
        (scales, minimums)
    }
}

/// The product of one tile of `T` tokens with some groups of rows, one after the other.
///
/// # Safety
/// The machine has the instructions of `R`; the job's pointers are valid for its shape.
#[inline(always)]
pub unsafe fn tile<R: Rows, S: Source<R>, const T: usize>(job: &TileJob) {
    let mut job = *job;
    for _ in 0..job.groups {
        // SAFETY: the caller's duty.
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
unsafe fn group<R: Rows, S: Source<R>, const T: usize>(job: &TileJob) {
    // The places of the next group's results: each token's lie in a line of their own, far from each other, and stores
    // become visible one after the other.
    unroll!(t < T => {
        R::prefetch_for_writing(job.output.wrapping_add(t * job.output_stride + GROUP).cast());
    });
    for half in 0..GROUP / R::WIDTH {
        let row = half * R::WIDTH;
        // SAFETY: the caller's duty.
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
pub unsafe fn find_not_finite<R: Rows, const T: usize>(job: &TileJob, sums: &[R::Floats; T]) {
    // SAFETY: the caller's duty.
    let Some(found) = (unsafe { job.not_finite.as_ref() }) else { return };
    let mut rows = [0.0_f32; GROUP];
    // SAFETY: the caller's duty; there is room for as many rows as a register has.
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
unsafe fn add_block<R: Rows, S: Source<R>, const T: usize>(
    job: &TileJob,
    block: &Block<R>,
    tile: *const u8,
    sums: &mut [R::Floats; T],
) {
    unroll!(t < T => {
        // SAFETY: the caller's duty: a whole block of the tile.
        unsafe { sums[t] = add_token::<R, S, T>(job, block, tile.add(t * 4), sums[t]) };
    });
}

/// Adds the block's product with the token whose numbers begin at `at` in row 0.
#[inline(always)]
unsafe fn add_token<R: Rows, S: Source<R>, const T: usize>(
    job: &TileJob,
    block: &Block<R>,
    at: *const u8,
    mut sum: R::Floats,
) -> R::Floats {
    let stride = T * 4;
    // SAFETY: the caller's duty: a whole block of the tile.
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

/// What an integer sum starts from: formats with a minimum have codes without offset.
#[inline(always)]
unsafe fn correction<R: Rows, S: Source<R>>(at: *const u8) -> R::Sums {
    // SAFETY: the caller's duty: 4 bytes at `at`.
    unsafe { if S::MINIMUM || (S::BITS == 8 && R::SIGNED_BYTES) { R::no_sums() } else { R::broadcast_sum(at) } }
}

#[inline(always)]
unsafe fn dot<R: Rows, S: Source<R>, const FROM: usize, const N: usize>(
    codes: &[R::Codes; 8],
    q: *const u8,
    stride: usize,
    start: R::Sums,
) -> R::Sums {
    // SAFETY: the caller's duty.
    unsafe {
        match S::BITS {
            8 => R::dot::<8, FROM, N>(codes, q, stride, start),
            6 => R::dot::<6, FROM, N>(codes, q, stride, start),
            5 => R::dot::<5, FROM, N>(codes, q, stride, start),
            _ => R::dot::<4, FROM, N>(codes, q, stride, start),
        }
    }
}
