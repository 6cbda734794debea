//! IQ3_XXS: 256 elements in runs of 4, whose magnitudes are one of 256 rows of a grid; 8 sub-blocks of 32, each with a
//! scale of 4 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..66   byte r: row of the grid for elements 4 r .. 4 r + 4
//! byte 66..98   eight little-endian numbers, one per sub-block; in number b, bits 7 l .. 7 l + 7 the signs of the first
//!               7 of elements 32 b + 8 l .. + 8 (1: negative; the eighth makes the number of negative ones even);
//!               bits 31-28 scale_b
//! code          bits 2-0 the grid's digit: 4, 12, 20, 28, 36, 44, 52, 62; bit 3 the sign
//! value = scale * (2 scale_b + 1) / 4 * MAGNITUDES[digit], with the sign
//! ```

use super::bits::{even_signs, gather, put_u16, put_u32, u16_at, u32_at};
use super::grids::{self, Lattice, fours, put_four_and_four};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

const VALUES: [i8; 16] = [4, 12, 20, 28, 36, 44, 52, 62, -4, -12, -20, -28, -36, -44, -52, -62];

static GRID: [u32; 256] = fours(&grids::IQ3_XXS);

pub(super) const IQ3_XXS: Format = Format {
    name: "IQ3_XXS",
    gguf_type: 18,
    block_elements: 256,
    block_bytes: 98,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Table(&VALUES),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::Odd { eighths: 2 },
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    for b in 0..8 {
        let signs = u32_at(block, 66 + 4 * b);
        parts.sub_scales[b] = (signs >> 28) as i8;
        for (l, codes) in parts.codes[32 * b..][..32].chunks_exact_mut(8).enumerate() {
            let rows = [0, 1].map(|half| GRID[usize::from(block[2 + 8 * b + 2 * l + half])]);
            put_four_and_four(rows, even_signs(signs >> (7 * l)), codes);
        }
    }
}

/// From digits back to rows.
pub(super) static LATTICE: Lattice = Lattice::fours(&grids::IQ3_XXS, &[4, 12, 20, 28, 36, 44, 52, 62]);

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    for b in 0..8 {
        let mut signs = u32::from(parts.sub_scales[b] as u8) << 28;
        for (l, codes) in parts.codes[32 * b..][..32].chunks_exact(8).enumerate() {
            signs |= u32::from(gather(codes, 3) & 127) << (7 * l);
            for (half, codes) in codes.chunks_exact(4).enumerate() {
                block[2 + 8 * b + 2 * l + half] = LATTICE.row_of(codes) as u8;
            }
        }
        put_u32(block, 66 + 4 * b, signs);
    }
}
