//! Q5_0: 32 elements of 5 bits about zero, one scale.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..6    bit i (little-endian): bit 4 of element i
//! byte  6..22   byte j: bits 3-0 of element j, then of element 16 + j
//! value = scale * (code - 16)
//! ```

use super::bits::{add_fifth_bits, fifth_bits, join_nibbles, put_u16, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q5_0: Format = Format {
    name: "Q5_0",
    gguf_type: 6,
    block_elements: 32,
    block_bytes: 22,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 5,
        digits: Digits::Bits,
        values: Values::Offset(16),
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
    split_nibbles(&block[6..22], &mut parts.codes[..32]);
    add_fifth_bits(&block[2..6], &mut parts.codes[..32]);
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    fifth_bits(&parts.codes[..32], &mut block[2..6]);
    join_nibbles(&parts.codes[..32], &mut block[6..22]);
}
