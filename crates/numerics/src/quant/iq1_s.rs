//! IQ1_S: 256 elements of -1, 0 or 1 in runs of 8, each one of 2048 rows of a grid; 8 sub-blocks of 32, each with a
//! scale of 3 bits and a shift of all its elements by an eighth, up or down.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..34   byte r: bits 7-0 of the row of the grid for elements 8 r .. 8 r + 8
//! byte 34..50   eight little-endian numbers, one per sub-block; in number b, bits 3 l .. 3 l + 3 are bits 10-8 of row
//!               4 b + l; bits 14-12 scale_b; bit 15 the shift (0: up)
//! code          bits 1-0 the grid's digit: -1, 0, 1; bit 2 the shift
//! value = scale * (2 scale_b + 1) * (DIGITS[digit] +- 1/8)
//!       = scale * (2 scale_b + 1) / 8 * (8 DIGITS[digit] +- 1)          (the form that is used here: whole numbers)
//! ```

use super::bits::{put_u16, u16_at};
use super::grids::{self, Lattice, eights, put_eight};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

/// Eight times the values that IQ1_S and IQ1_M choose from.
pub(super) const VALUES: [i8; 16] = [-7, 1, 9, 0, -9, -1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// The grid of IQ1_S and IQ1_M.
pub(super) static GRID: [u64; 2048] = eights(&grids::IQ1);

pub(super) const IQ1_S: Format = Format {
    name: "IQ1_S",
    gguf_type: 19,
    block_elements: 256,
    block_bytes: 50,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 3,
        digits: Digits::TritsAndRuns,
        values: Values::Table(&VALUES),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::Odd { eighths: 1 },
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    for b in 0..8 {
        let number = u16_at(block, 34 + 2 * b);
        parts.sub_scales[b] = (number >> 12 & 7) as i8;
        let shift = if number >> 15 == 0 { 0 } else { 0xff };
        for (l, codes) in parts.codes[32 * b..][..32].chunks_exact_mut(8).enumerate() {
            let upper = usize::from(number >> (3 * l) & 7);
            put_eight(GRID[usize::from(block[2 + 4 * b + l]) | upper << 8], shift, codes);
        }
    }
}

/// From digits back to rows.
pub(super) static LATTICE: Lattice = Lattice::eights(&grids::IQ1, &[-8, 0, 8]);

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    for b in 0..8 {
        let codes = &parts.codes[32 * b..][..32];
        let mut number = u16::from(parts.sub_scales[b] as u8) << 12 | u16::from(codes[0] >> 2) << 15;
        for (l, codes) in codes.chunks_exact(8).enumerate() {
            let row = LATTICE.row_of(codes);
            block[2 + 4 * b + l] = row as u8;
            number |= (row >> 8) << (3 * l);
        }
        put_u16(block, 34 + 2 * b, number);
    }
}
