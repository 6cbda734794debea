//! From packed planes and scales to registers.

use hefu_numerics::quant::{Digits, ScaleEncoding, SubScales};

use super::ahead::fetch_ahead;
use super::format_consts::FormatConsts;
use super::job::TileJob;
use super::rows::DotIsa;
use super::unroll::unroll;
use crate::layout::{BLOCK, GROUP, LINE};

/// 32 columns of `R::WIDTH` rows in registers.
pub struct Block<R: DotIsa> {
    /// Four columns each.
    pub codes: [R::Codes; 8],
    /// Per 32 columns, or per 16.
    pub scales: [R::Floats; 2],
    /// Alike; zero without minimums.
    pub minimums: [R::Floats; 2],
}

/// As [`take_block`], asking for what comes later.
///
/// # Safety
/// As `Source::block`.
#[inline(always)]
pub unsafe fn take_block_and_ask<R: DotIsa, const TYPE: u32>(
    job: &TileJob,
    first_row: usize,
    index: usize,
    moves_on: bool,
) -> Block<R> {
    if first_row == 0 {
        fetch_ahead::<R, TYPE>(job.codes, index, moves_on);
    }
    // SAFETY: what `Source::block` asks holds.
    unsafe { take_block::<R, TYPE>(job, first_row, index) }
}

/// The rows from `first_row` on of block `index`, straight from the packed planes.
///
/// # Safety
/// As `Source::block`.
#[inline(always)]
pub unsafe fn take_block<R: DotIsa, const TYPE: u32>(job: &TileJob, first_row: usize, index: usize) -> Block<R> {
    let layout = FormatConsts::<TYPE>::LAYOUT;
    // SAFETY: block `index` lies within the group; each line has 4 bytes per row.
    unsafe {
        let file_block = job.codes.add(index / layout.blocks() * layout.file_block_bytes());
        let codes = match FormatConsts::<TYPE>::QUANTISED.digits {
            Digits::Bits => take_codes::<R, TYPE>(job.codes.add(layout.codes_at(index) + first_row * 4)),
            _ => take_trits::<R, TYPE>(file_block.add(first_row * 4), first_row, index % layout.blocks()),
        };
        let at = file_block.add(layout.scales_at());
        let (scales, minimums) = take_scales::<R, TYPE>(at, first_row, index * BLOCK % layout.file_block);
        Block { codes, scales, minimums }
    }
}

/// Codes of 8 column groups out of their planes.
#[inline(always)]
unsafe fn take_codes<R: DotIsa, const TYPE: u32>(planes: *const u8) -> [R::Codes; 8] {
    // SAFETY: the machine has the instructions, and the pointer is valid for what this touches.
    unsafe {
        let mut codes = [R::load_codes(planes); 8];
        unroll!(g < 8 => { codes[g] = take_group::<R, TYPE>(planes, g); });
        codes
    }
}

/// Codes of column group `g` out of a block's planes, of a format whose codes are plain bits.
///
/// # Safety
/// The machine has the instructions of `R`; `planes` is a whole block's.
#[inline(always)]
pub unsafe fn take_group<R: DotIsa, const TYPE: u32>(planes: *const u8, g: usize) -> R::Codes {
    // SAFETY: the machine has the instructions of `R`; `planes` is a whole block's.
    unsafe {
        let codes = match FormatConsts::<TYPE>::QUANTISED.code_bits {
            8 => {
                let codes = R::load_codes(planes.add(g * LINE));
                if R::SIGNED_BYTES { R::flip_sign(codes) } else { codes }
            }
            1 => take_bits::<R>(planes, 1, 0, g),
            2 | 3 => take_bits::<R>(planes, 2, 0, g),
            _ => take_bits::<R>(planes, 4, 0, g),
        };
        let codes = match FormatConsts::<TYPE>::QUANTISED.code_bits {
            3 => R::or(codes, take_bits::<R>(planes.add(2 * LINE), 1, 2, g)),
            5 => R::or(codes, take_bits::<R>(planes.add(4 * LINE), 1, 4, g)),
            6 => R::or(codes, take_bits::<R>(planes.add(4 * LINE), 2, 4, g)),
            _ => codes,
        };
        look_up::<R, TYPE>(codes)
    }
}

/// Weights from codes, if there is a table of them.
#[inline(always)]
unsafe fn look_up<R: DotIsa, const TYPE: u32>(codes: R::Codes) -> R::Codes {
    match const { &FormatConsts::<TYPE>::table(false) } {
        Some(table) => {
            let table = if R::SIGNED_BYTES { const { &unwrap(FormatConsts::<TYPE>::table(true)) } } else { table };
            // SAFETY: the machine has the instructions.
            unsafe { R::look_up(codes, table) }
        }
        None => codes,
    }
}

/// Codes of 8 column groups of block `index` of a block of the file, out of digits to base 3.
#[inline(always)]
unsafe fn take_trits<R: DotIsa, const TYPE: u32>(planes: *const u8, row: usize, index: usize) -> [R::Codes; 8] {
    let layout = FormatConsts::<TYPE>::LAYOUT;
    // SAFETY: a whole block of the file.
    unsafe {
        let own = planes.add(index * layout.codes_per_block);
        let shared = planes.add(layout.blocks() * layout.codes_per_block);
        let nibbles = R::shift_right(R::load_codes(shared.add(index / 2 * LINE)), index % 2 * 4);
        let lowest = R::shift_right(R::load_codes(shared.add(4 * LINE)), index);
        let mut fraction = R::load_codes(own);
        let mut codes = [fraction; 8];
        // Bits of runs lie a byte for each row.
        let runs = match FormatConsts::<TYPE>::QUANTISED.digits {
            Digits::TritsAndRuns => {
                R::shift_right(R::spread(shared.add(5 * LINE + index / 2 * GROUP).sub(row * 3)), index % 2 * 4)
            }
            _ => fraction,
        };
        unroll!(g < 8 => {
            fraction = match g {
                0 => fraction,
                5 => R::or(R::shift_and(nibbles, 4, 0xf0), R::shift_and(lowest, 3, 8)),
                _ => R::triple(fraction),
            };
            let digit = R::top_trit(fraction);
            codes[g] = look_up::<R, TYPE>(match FormatConsts::<TYPE>::QUANTISED.digits {
                Digits::TritsAndBits => R::or(digit, take_bits::<R>(own.add(LINE), 1, 2, g)),
                Digits::TritsAndRuns => R::or(digit, R::shift_and(runs, 2 - g as i32 / 2, 4)),
                _ => digit,
            });
        });
        codes
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
unsafe fn take_bits<R: DotIsa>(plane: *const u8, bits: i32, to: i32, g: usize) -> R::Codes {
    let lines = bits as usize;
    let mask = (((1u32 << bits) - 1) << to) as u8;
    // SAFETY: `lines` whole lines.
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
pub unsafe fn take_scales<R: DotIsa, const TYPE: u32>(
    at: *const u8,
    row: usize,
    column: usize,
) -> ([R::Floats; 2], [R::Floats; 2]) {
    let layout = FormatConsts::<TYPE>::LAYOUT;
    // SAFETY: a whole file block's scales.
    unsafe {
        let mut scales = [match FormatConsts::<TYPE>::QUANTISED.scale_encoding {
            ScaleEncoding::F16 => R::load_f16(at.add(row * 2)),
            ScaleEncoding::HalfE8M0 => R::load_bf16(at.add(row * 2)),
            ScaleEncoding::One => R::no_floats(),
        }; 2];
        let mut minimums = [R::no_floats(); 2];
        if FormatConsts::<TYPE>::MINIMUM {
            minimums = [R::load_f16(at.add(layout.minimums_at + row * 2)); 2];
        }
        for sub in 0..FormatConsts::<TYPE>::SUBS {
            let index = column / FormatConsts::<TYPE>::QUANTISED.sub_block + sub;
            let Some(factor) = take_factor::<R, TYPE>(at.add(layout.sub_scales_at + row), index) else { break };
            scales[sub] = match FormatConsts::<TYPE>::QUANTISED.scale_encoding {
                ScaleEncoding::One => factor,
                _ => R::mul(scales[sub], factor),
            };
            if FormatConsts::<TYPE>::MINIMUM {
                let factor = R::load_unsigned_bytes(at.add(layout.sub_minimums_at + index * GROUP + row));
                minimums[sub] = R::mul(minimums[sub], factor);
            }
        }
        (scales, minimums)
    }
}

/// The factor of sub-block `index`, if the format has them; those of the first sub-block are at `from`.
#[inline(always)]
unsafe fn take_factor<R: DotIsa, const TYPE: u32>(from: *const u8, index: usize) -> Option<R::Floats> {
    // SAFETY: a whole file block's scales.
    unsafe {
        match FormatConsts::<TYPE>::QUANTISED.sub_scales {
            SubScales::None => None,
            SubScales::Integer => Some(R::load_signed_bytes(from.add(index * GROUP))),
            SubScales::HalfE4M3 => Some(R::load_half_e4m3(from.add(index * GROUP))),
            SubScales::Odd { eighths } => {
                let number = R::load_nibbles(from.add(index / 2 * GROUP), index % 2 * 4);
                let [unit, twice] = [f32::from(eighths) / 8.0, f32::from(eighths) / 4.0];
                let splat = |number: &f32| R::broadcast((&raw const *number).cast());
                Some(R::fma(number, splat(&twice), splat(&unit)))
            }
        }
    }
}
