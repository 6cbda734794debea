//! TQ2_0: 256 elements of 2 bits, one scale.
//!
//! ```text
//! byte  0..64   two halves of 32 bytes, for 128 elements each; in half h, byte l:
//!               bits 1-0, 3-2, 5-4, 7-6 are elements 128 h + l, + 32, + 64, + 96
//! byte 64..66   scale, binary16
//! value = scale * (code - 1)
//! ```

use super::bits::{put_u16, u16_at};
use super::q2_k::{join_pairs, split_pairs};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const TQ2_0: Format = Format {
    name: "TQ2_0",
    gguf_type: 35,
    block_elements: 256,
    block_bytes: 66,
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
    parts.set_scales(u16_at(block, 64), 0);
    split_pairs(&block[..64], &mut parts.codes);
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    join_pairs(&parts.codes, &mut block[..64]);
    put_u16(block, 64, parts.scale);
}
