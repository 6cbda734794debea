//! Q3_K: 256 elements of 3 bits about zero; 16 sub-blocks of 16, each with a signed scale of 6 bits.
//!
//! ```text
//! byte   0..32   bit b of byte l: bit 2 of element 32 b + l
//! byte  32..96   bits 1-0 of the elements: two halves of 32 bytes, for 128 elements each; in half h, byte l:
//!                bits 1-0, 3-2, 5-4, 7-6 belong to elements 128 h + l, + 32, + 64, + 96
//! byte  96..104  byte i: bits 3-0 the lower bits of scale i, bits 7-4 those of scale 8 + i
//! byte 104..108  byte i: bits 1-0, 3-2, 5-4, 7-6 the upper bits of scales i, 4 + i, 8 + i, 12 + i
//! byte 108..110  scale, binary16
//! value = scale * (scale_b - 32) * (code - 4)
//! ```

use super::bits::{join_nibbles, put_u16, split_nibbles, u16_at};
use super::q2_k::{join_pairs, split_pairs};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q3_K: Format = Format {
    name: "Q3_K",
    gguf_type: 11,
    block_elements: 256,
    block_bytes: 110,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 3,
        digits: Digits::Bits,
        values: Values::Offset(4),
        sub_block: 16,
        has_minimum: false,
        sub_scales: SubScales::Integer,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 108), 0);
    let mut scales = [0; 16];
    split_nibbles(&block[96..104], &mut scales);
    for (b, (scale, lower)) in parts.sub_scales.iter_mut().zip(scales).enumerate() {
        let upper = block[104 + b % 4] >> (2 * (b / 4)) & 3;
        *scale = (lower | upper << 4) as i8 - 32;
    }
    split_pairs(&block[32..96], &mut parts.codes);
    for (b, codes) in parts.codes.chunks_exact_mut(32).enumerate() {
        for (byte, code) in block[..32].iter().zip(codes) {
            *code |= (byte >> b & 1) << 2;
        }
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    for (l, byte) in block[..32].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |byte, b| byte | (parts.codes[32 * b + l] >> 2 & 1) << b);
    }
    join_pairs(&parts.codes, &mut block[32..96]);
    let scales = parts.sub_scales.map(|scale| (scale + 32) as u8);
    join_nibbles(&scales.map(|scale| scale & 15), &mut block[96..104]);
    for (i, byte) in block[104..108].iter_mut().enumerate() {
        *byte = (0..4).fold(0, |byte, run| byte | (scales[i + 4 * run] >> 4 & 3) << (2 * run));
    }
    put_u16(block, 108, parts.scale);
}
