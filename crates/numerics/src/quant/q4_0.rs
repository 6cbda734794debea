//! Q4_0: 32 elements of 4 bits about zero, one scale.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..18   byte j: bits 3-0 element j, bits 7-4 element 16 + j
//! value = scale * (code - 8)
//! ```

use super::bits::{join_nibbles, put_u16, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q4_0: Format = Format {
    name: "Q4_0",
    gguf_type: 2,
    block_elements: 32,
    block_bytes: 18,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Offset(8),
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
    split_nibbles(&block[2..18], &mut parts.codes[..32]);
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    join_nibbles(&parts.codes[..32], &mut block[2..18]);
}
