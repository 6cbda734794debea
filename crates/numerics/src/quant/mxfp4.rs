//! MXFP4: 32 floating point elements of 4 bits (E2M1) that share a power of two.
//!
//! ```text
//! byte  0       exponent e; the block's scale is 2^(e - 127)
//! byte  1..17   byte j: bits 3-0 element j, bits 7-4 element 16 + j
//! code          bit 3 sign, bits 2-1 exponent, bit 0 fraction: 0, 0.5, 1, 1.5, 2, 3, 4, 6
//! value = 2^(e - 128) * DOUBLED[code]               (doubled, the elements are whole numbers)
//! ```
//!
//! Source: OCP Microscaling Formats (MX) specification 1.0. That specification keeps e = 255
//! for NaN; here, as in GGUF files, it is the next power of two.

use super::bits::{join_nibbles, split_nibbles};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

/// Twice the value of each E2M1 code. Integers know no negative zero, so code 8 is plain zero.
pub(super) const DOUBLED: [i8; 16] = [0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12];

pub(super) const MXFP4: Format = Format {
    name: "MXFP4",
    gguf_type: 39,
    block_elements: 32,
    block_bytes: 17,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Table(&DOUBLED),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::None,
        scale_encoding: ScaleEncoding::HalfE8M0,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16::from(block[0]), 0);
    split_nibbles(&block[1..17], &mut parts.codes[..32]);
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    block[0] = parts.scale as u8;
    join_nibbles(&parts.codes[..32], &mut block[1..17]);
}
