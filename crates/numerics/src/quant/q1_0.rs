//! Q1_0: 128 elements of one bit, the sign, and one scale.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..18   bit i of byte j: element 8 j + i (0: negative)
//! value = scale * (2 code - 1)
//! ```

use super::bits::{gather, put_u16, spread, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

const VALUES: [i8; 16] = [-1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub(super) const Q1_0: Format = Format {
    name: "Q1_0",
    gguf_type: 41,
    block_elements: 128,
    block_bytes: 18,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 1,
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
    for (byte, codes) in block[2..18].iter().zip(parts.codes.chunks_exact_mut(8)) {
        codes.copy_from_slice(&spread(*byte).to_le_bytes());
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    for (byte, codes) in block[2..18].iter_mut().zip(parts.codes.chunks_exact(8)) {
        *byte = gather(codes, 0);
    }
}
