//! TQ1_0: 256 elements of -1, 0 or 1, five to a byte, one scale.
//!
//! ```text
//! byte  0..32   byte m: elements m, 32 + m, 64 + m, 96 + m, 128 + m
//! byte 32..48   byte 32 + m: elements 160 + m, 176 + m, 192 + m, 208 + m, 224 + m
//! byte 48..52   byte 48 + m: elements 240 + m, 244 + m, 248 + m, 252 + m
//! byte 52..54   scale, binary16
//! value = scale * (code - 1)
//! ```
//!
//! A byte is a fraction of 256, rounded up, and its elements' codes are the fraction's digits to base 3, the first one
//! first: each is the whole part of three times what is left.

use super::bits::{put_u16, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const TQ1_0: Format = Format {
    name: "TQ1_0",
    gguf_type: 34,
    block_elements: 256,
    block_bytes: 54,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 2,
        digits: Digits::Trits,
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
    parts.set_scales(u16_at(block, 52), 0);
    let (first, rest) = parts.codes.split_at_mut(160);
    let (second, third) = rest.split_at_mut(80);
    split_trits(&block[..32], first);
    split_trits(&block[32..48], second);
    split_trits(&block[48..52], third);
}

/// The first digits of all bytes, then the second ones, and so on.
fn split_trits(bytes: &[u8], codes: &mut [u8]) {
    let mut power = 1_u8;
    for codes in codes.chunks_exact_mut(bytes.len()) {
        for (byte, code) in bytes.iter().zip(codes) {
            *code = ((u16::from(byte.wrapping_mul(power)) * 3) >> 8) as u8;
        }
        power = power.wrapping_mul(3);
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    let (first, rest) = parts.codes.split_at(160);
    let (second, third) = rest.split_at(80);
    join_trits(first, &mut block[..32]);
    join_trits(second, &mut block[32..48]);
    join_trits(third, &mut block[48..52]);
    put_u16(block, 52, parts.scale);
}

/// Input of [`split_trits`]; a byte has five digits, of which those that belong to no element are 0.
fn join_trits(codes: &[u8], bytes: &mut [u8]) {
    let (count, digits) = (bytes.len(), codes.len() / bytes.len());
    for (m, byte) in bytes.iter_mut().enumerate() {
        let digit = |n: usize| if n < digits { u16::from(codes[n * count + m]) } else { 0 };
        let number = (0..5).fold(0, |number, n| 3 * number + digit(n));
        *byte = (number * 256).div_ceil(243) as u8;
    }
}
