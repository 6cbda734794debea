//! IQ3_S: 256 elements in runs of 4, whose magnitudes are one of 512 rows of a grid; 8 sub-blocks of 32, each with a
//! scale of 4 bits.
//!
//! ```text
//! byte   0..2    scale, binary16
//! byte   2..66   byte r: bits 7-0 of the row of the grid for elements 4 r .. 4 r + 4
//! byte  66..74   bit i of byte j: bit 8 of row 8 j + i
//! byte  74..106  bit i of byte j: the sign of element 8 j + i (1: negative)
//! byte 106..110  byte i: bits 3-0 scale 2 i, bits 7-4 scale 2 i + 1
//! code           bits 2-0 the grid's digit: 1, 3, 5, 7, 9, 11, 13, 15; bit 3 the sign
//! value = scale * (2 scale_b + 1) * MAGNITUDES[digit], with the sign
//! ```

use super::bits::{gather, nibble_scales, put_nibble_scales, put_u16, u16_at};
use super::grids::{self, Lattice, fours, put_four_and_four};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

const VALUES: [i8; 16] = [1, 3, 5, 7, 9, 11, 13, 15, -1, -3, -5, -7, -9, -11, -13, -15];

static GRID: [u32; 512] = fours(&grids::IQ3_S);

pub(super) const IQ3_S: Format = Format {
    name: "IQ3_S",
    gguf_type: 21,
    block_elements: 256,
    block_bytes: 110,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Table(&VALUES),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::Odd { eighths: 8 },
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    nibble_scales(&block[106..110], &mut parts.sub_scales);
    for (j, codes) in parts.codes.chunks_exact_mut(8).enumerate() {
        let upper = usize::from(block[66 + j / 4]) >> (2 * (j % 4));
        let rows = [0, 1].map(|half| GRID[usize::from(block[2 + 2 * j + half]) | (upper >> half & 1) << 8]);
        put_four_and_four(rows, block[74 + j], codes);
    }
}

/// From digits back to rows.
pub(super) static LATTICE: Lattice = Lattice::fours(&grids::IQ3_S, &[1, 3, 5, 7, 9, 11, 13, 15]);

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    put_nibble_scales(&parts.sub_scales, &mut block[106..110]);
    block[66..74].fill(0);
    for (r, codes) in parts.codes.chunks_exact(4).enumerate() {
        let row = LATTICE.row_of(codes);
        block[2 + r] = row as u8;
        block[66 + r / 8] |= ((row >> 8) as u8) << (r % 8);
    }
    for (byte, codes) in block[74..106].iter_mut().zip(parts.codes.chunks_exact(8)) {
        *byte = gather(codes, 3);
    }
}
