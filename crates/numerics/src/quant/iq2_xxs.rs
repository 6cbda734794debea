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

use super::bits::{even_signs, u16_at, u32_at};
use super::grids::{self, eights, put_eight};
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
        take_apart,
    }),
};

fn take_apart(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    for (b, run) in block[2..66].chunks_exact(8).enumerate() {
        let signs = u32_at(run, 4);
        parts.sub_scales[b] = (signs >> 28) as i8;
        for (l, codes) in parts.codes[32 * b..][..32].chunks_exact_mut(8).enumerate() {
            put_eight(GRID[usize::from(run[l])], even_signs(signs >> (7 * l)), codes);
        }
    }
}
