//! IQ2_S: 256 elements in runs of 8, whose magnitudes are one of 1024 rows of a grid; 16 sub-blocks of 16, each with a
//! scale of 4 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..34   byte r: bits 7-0 of the row of the grid for elements 8 r .. 8 r + 8
//! byte 34..66   bit i of byte r: the sign of element 8 r + i (1: negative)
//! byte 66..74   byte i: bits 1-0, 3-2, 5-4, 7-6 are bits 9-8 of rows 4 i, + 1, + 2, + 3
//! byte 74..82   byte i: bits 3-0 scale 2 i, bits 7-4 scale 2 i + 1
//! value = scale * (2 scale_b + 1) / 8 * MAGNITUDES[digit], with the sign      (codes as at `iq2_xxs`)
//! ```

use super::bits::{gather, nibble_scales, put_nibble_scales, put_u16, u16_at};
use super::grids::{self, Lattice, eights, put_eight};
use super::iq2_xxs::VALUES;
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

static GRID: [u64; 1024] = eights(&grids::IQ2_S);

pub(super) const IQ2_S: Format = Format {
    name: "IQ2_S",
    gguf_type: 22,
    block_elements: 256,
    block_bytes: 82,
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
    nibble_scales(&block[74..82], &mut parts.sub_scales);
    for (r, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let upper = usize::from(block[66 + r / 4] >> (2 * (r % 4)) & 3);
        put_eight(GRID[usize::from(block[2 + r]) | upper << 8], block[34 + r], codes);
    }
}

/// From digits back to rows.
pub(super) static LATTICE: Lattice = Lattice::eights(&grids::IQ2_S, &[8, 25, 43]);

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    put_nibble_scales(&parts.sub_scales, &mut block[74..82]);
    block[66..74].fill(0);
    for (r, codes) in parts.codes.chunks_exact(8).enumerate() {
        let row = LATTICE.row_of(codes);
        block[2 + r] = row as u8;
        block[34 + r] = gather(codes, 2);
        block[66 + r / 4] |= ((row >> 8) as u8) << (2 * (r % 4));
    }
}
