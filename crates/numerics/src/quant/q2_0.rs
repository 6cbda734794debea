//! Q2_0: 64 elements of 2 bits, one scale.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..18   byte j: bits 1-0, 3-2, 5-4, 7-6 are elements 4 j, + 1, + 2, + 3
//! value = scale * (code - 1)
//! ```

use super::bits::{put_u16, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q2_0: Format = Format {
    name: "Q2_0",
    gguf_type: 42,
    block_elements: 64,
    block_bytes: 18,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 2,
        digits: Digits::Bits,
        values: Values::Offset(1),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::None,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    for (byte, codes) in block[2..18].iter().zip(parts.codes.chunks_exact_mut(4)) {
        codes.copy_from_slice(&[byte & 3, byte >> 2 & 3, byte >> 4 & 3, byte >> 6]);
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    for (byte, codes) in block[2..18].iter_mut().zip(parts.codes.chunks_exact(4)) {
        *byte = codes.iter().rev().fold(0, |byte, code| byte << 2 | code & 3);
    }
}
