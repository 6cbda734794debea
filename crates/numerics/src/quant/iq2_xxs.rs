//! IQ2_XXS: 256 elements in runs of 8, whose magnitudes are one of 256 rows of a grid; 8 sub-blocks of 32, each with a
//! scale of 4 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..66   eight runs of 8 bytes, one per sub-block; in run b:
//!               byte l (0..4): row of the grid for elements 32 b + 8 l .. + 8
//!               byte 4..8, a little-endian number: bits 7 l .. 7 l + 7 the signs of the first 7 of these elements
//!               (1: negative; the eighth makes the number of negative ones even); bits 31-28 scale_b
//! code          bits 1-0 the grid's digit: 8, 25, 43; bit 2 the sign
//! value = scale * (2 scale_b + 1) / 8 * MAGNITUDES[digit], with the sign
//! ```

use super::bits::{even_signs, gather, put_u16, put_u32, u16_at, u32_at};
use super::grids::{self, Lattice, eights, put_eight};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

/// The values that IQ2_XXS, IQ2_XS and IQ2_S choose from.
pub(super) const VALUES: [i8; 16] = [8, 25, 43, 0, -8, -25, -43, 0, 0, 0, 0, 0, 0, 0, 0, 0];

static GRID: [u64; 256] = eights(&grids::IQ2_XXS);

pub(super) const IQ2_XXS: Format = Format {
    name: "IQ2_XXS",
    gguf_type: 16,
    block_elements: 256,
    block_bytes: 66,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 3,
        digits: Digits::TritsAndBits,
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
    for (b, run) in block[2..66].chunks_exact(8).enumerate() {
        let signs = u32_at(run, 4);
        parts.sub_scales[b] = (signs >> 28) as i8;
        for (l, codes) in parts.codes[32 * b..][..32].chunks_exact_mut(8).enumerate() {
            put_eight(GRID[usize::from(run[l])], even_signs(signs >> (7 * l)), codes);
        }
    }
}

/// From digits back to rows.
pub(super) static LATTICE: Lattice = Lattice::eights(&grids::IQ2_XXS, &[8, 25, 43]);

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    for (b, run) in block[2..66].chunks_exact_mut(8).enumerate() {
        let mut signs = u32::from(parts.sub_scales[b] as u8) << 28;
        for (l, codes) in parts.codes[32 * b..][..32].chunks_exact(8).enumerate() {
            run[l] = LATTICE.row_of(codes) as u8;
            signs |= u32::from(gather(codes, 2) & 127) << (7 * l);
        }
        put_u32(run, 4, signs);
    }
}
