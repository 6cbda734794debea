//! Q2_K: 256 elements of 2 bits; 16 sub-blocks of 16, each with a scale and a minimum of 4 bits.
//!
//! ```text
//! byte  0..16   byte b: bits 3-0 scale, bits 7-4 minimum of sub-block b
//! byte 16..80   two halves of 32 bytes, for 128 elements each; in half h, byte l:
//!               bits 1-0, 3-2, 5-4, 7-6 are elements 128 h + l, + 32, + 64, + 96
//! byte 80..82   scale, binary16
//! byte 82..84   minimum, binary16
//! value = scale * scale_b * code - minimum * minimum_b
//! ```

use super::bits::{put_u16, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q2_K: Format = Format {
    name: "Q2_K",
    gguf_type: 10,
    block_elements: 256,
    block_bytes: 84,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 2,
        digits: Digits::Bits,
        values: Values::Offset(0),
        sub_block: 16,
        has_minimum: true,
        sub_scales: SubScales::Integer,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 80), u16_at(block, 82));
    for (b, byte) in block[..16].iter().enumerate() {
        parts.sub_scales[b] = (byte & 15) as i8;
        parts.sub_minimums[b] = byte >> 4;
    }
    split_pairs(&block[16..80], &mut parts.codes);
}

/// 64 bytes become 256 codes of 2 bits in the order that Q2_K and Q3_K share (drawn above).
pub(super) fn split_pairs(bytes: &[u8], codes: &mut [u8]) {
    for (half, codes) in bytes.chunks_exact(32).zip(codes.chunks_exact_mut(128)) {
        for (quarter, codes) in codes.chunks_exact_mut(32).enumerate() {
            for (byte, code) in half.iter().zip(codes) {
                *code = byte >> (2 * quarter) & 3;
            }
        }
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    for (b, byte) in block[..16].iter_mut().enumerate() {
        *byte = parts.sub_scales[b] as u8 & 15 | parts.sub_minimums[b] << 4;
    }
    join_pairs(&parts.codes, &mut block[16..80]);
    put_u16(block, 80, parts.scale);
    put_u16(block, 82, parts.minimum);
}

/// Input of [`split_pairs`]; of each code the two lower bits.
pub(super) fn join_pairs(codes: &[u8], bytes: &mut [u8]) {
    for (half, codes) in bytes.chunks_exact_mut(32).zip(codes.chunks_exact(128)) {
        for (l, byte) in half.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |byte, quarter| byte | (codes[32 * quarter + l] & 3) << (2 * quarter));
        }
    }
}
