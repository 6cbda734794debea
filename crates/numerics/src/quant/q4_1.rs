//! Q4_1: 32 elements of 4 bits, one scale and the least value.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..4    least value, binary16, which is *added*: its sign is flipped here
//! byte  4..20   byte j: bits 3-0 element j, bits 7-4 element 16 + j
//! value = scale * code + least
//! ```

use super::bits::{join_nibbles, put_u16, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q4_1: Format = Format {
    name: "Q4_1",
    gguf_type: 3,
    block_elements: 32,
    block_bytes: 20,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Offset(0),
        sub_block: 32,
        has_minimum: true,
        sub_scales: SubScales::None,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), u16_at(block, 2) ^ 0x8000);
    split_nibbles(&block[4..20], &mut parts.codes[..32]);
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    put_u16(block, 2, parts.minimum ^ 0x8000);
    join_nibbles(&parts.codes[..32], &mut block[4..20]);
}
