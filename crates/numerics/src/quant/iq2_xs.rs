//! IQ2_XS: 256 elements in runs of 8, whose magnitudes are one of 512 rows of a grid; 16 sub-blocks of 16, each with a
//! scale of 4 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..66   32 little-endian numbers; number r: bits 8-0 the row of the grid for elements 8 r .. 8 r + 8,
//!               bits 15-9 the signs of the first 7 of these (drawn at `iq2_xxs`, as codes are)
//! byte 66..74   byte i: bits 3-0 scale 2 i, bits 7-4 scale 2 i + 1
//! value = scale * (2 scale_b + 1) / 8 * MAGNITUDES[digit], with the sign
//! ```

use super::bits::{even_signs, gather, nibble_scales, put_nibble_scales, put_u16, u16_at};
use super::grids::{self, Lattice, eights, put_eight};
use super::iq2_xxs::VALUES;
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

static GRID: [u64; 512] = eights(&grids::IQ2_XS);

pub(super) const IQ2_XS: Format = Format {
    name: "IQ2_XS",
    gguf_type: 17,
    block_elements: 256,
    block_bytes: 74,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 3,
        digits: Digits::TritsAndBits,
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
    parts.set_scales(u16_at(block, 0), 0);
    nibble_scales(&block[66..74], &mut parts.sub_scales);
    for (r, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let number = u16_at(block, 2 + 2 * r);
        put_eight(GRID[usize::from(number & 511)], even_signs(u32::from(number >> 9)), codes);
    }
}

/// From digits back to rows.
pub(super) static LATTICE: Lattice = Lattice::eights(&grids::IQ2_XS, &[8, 25, 43]);

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    put_nibble_scales(&parts.sub_scales, &mut block[66..74]);
    for (r, codes) in parts.codes.chunks_exact(8).enumerate() {
        put_u16(block, 2 + 2 * r, LATTICE.row_of(codes) | u16::from(gather(codes, 2) & 127) << 9);
    }
}
