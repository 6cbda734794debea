//! IQ4_NL: 32 elements of 4 bits that choose from a table of unevenly spaced values, one scale.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..18   byte j: bits 3-0 element j, bits 7-4 element 16 + j
//! value = scale * VALUES[code]
//! ```

use super::bits::{join_nibbles, put_u16, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

/// The values that IQ4_NL and IQ4_XS choose from: denser near zero, as weights are.
pub(super) const VALUES: [i8; 16] = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];

pub(super) const IQ4_NL: Format = Format {
    name: "IQ4_NL",
    gguf_type: 20,
    block_elements: 32,
    block_bytes: 18,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Table(&VALUES),
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
