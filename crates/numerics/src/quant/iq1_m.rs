//! IQ1_M: 256 elements of -1, 0 or 1 in runs of 8, each one of 2048 rows of IQ1_S's grid and shifted by an eighth, up
//! or down; 16 sub-blocks of 16, each with a scale of 3 bits.
//!
//! ```text
//! byte  0..32   byte r: bits 7-0 of the row of the grid for elements 8 r .. 8 r + 8
//! byte 32..48   byte i: bits 2-0 are bits 10-8 of row 2 i, bit 3 its shift (0: up); bits 6-4 and 7 those of row 2 i + 1
//! byte 48..56   four little-endian numbers; in number i, bits 2-0, 5-3, 8-6, 11-9 are scales 4 i, + 1, + 2, + 3;
//!               bits 15-12 are bits 4 i + 3 .. 4 i of the block's scale, binary16
//! value = scale * (2 scale_b + 1) / 8 * (8 DIGITS[digit] +- 1)          (codes as at `iq1_s`)
//! ```

use super::bits::{put_u16, u16_at};
use super::grids::put_eight;
use super::iq1_s::{GRID, LATTICE, VALUES};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const IQ1_M: Format = Format {
    name: "IQ1_M",
    gguf_type: 29,
    block_elements: 256,
    block_bytes: 56,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 3,
        digits: Digits::TritsAndRuns,
        values: Values::Table(&VALUES),
        sub_block: 16,
        has_minimum: false,
        sub_scales: SubScales::Odd { eighths: 1 },
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    let mut scale = 0;
    parts.set_scales(0, 0);
    for i in 0..4 {
        let number = u16_at(block, 48 + 2 * i);
        scale |= number >> 12 << (4 * i);
        for (b, factor) in parts.sub_scales[4 * i..][..4].iter_mut().enumerate() {
            *factor = (number >> (3 * b) & 7) as i8;
        }
    }
    parts.scale = scale;
    for (r, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let upper = block[32 + r / 2] >> (4 * (r % 2));
        let shift = if upper & 8 == 0 { 0 } else { 0xff };
        put_eight(GRID[usize::from(block[r]) | usize::from(upper & 7) << 8], shift, codes);
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    for i in 0..4 {
        let factors = parts.sub_scales[4 * i..][..4].iter().enumerate();
        let factors = factors.fold(0, |number, (b, factor)| number | u16::from(*factor as u8) << (3 * b));
        put_u16(block, 48 + 2 * i, factors | (parts.scale >> (4 * i) & 15) << 12);
    }
    block[32..48].fill(0);
    for (r, codes) in parts.codes.chunks_exact(8).enumerate() {
        let row = LATTICE.row_of(codes);
        block[r] = row as u8;
        block[32 + r / 2] |= ((row >> 8) as u8 | (codes[0] >> 2) << 3) << (4 * (r % 2));
    }
}
