//! Q6_K: 256 elements of 6 bits about zero; 16 sub-blocks of 16, each with a signed scale of 8 bits.
//!
//! ```text
//! byte   0..128  bits 3-0 of the elements: two halves of 64 bytes, for 128 elements each; in half h, byte l:
//!                low nibble of element 128 h + l, high nibble of element 128 h + 64 + l
//! byte 128..192  bits 5-4 of the elements: two halves of 32 bytes; in half h, byte l:
//!                bits 1-0, 3-2, 5-4, 7-6 belong to elements 128 h + l, + 32, + 64, + 96
//! byte 192..208  byte b: scale of sub-block b, signed
//! byte 208..210  scale, binary16
//! value = scale * scale_b * (code - 32)
//! ```

use super::bits::{join_nibbles, put_u16, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q6_K: Format = Format {
    name: "Q6_K",
    gguf_type: 14,
    block_elements: 256,
    block_bytes: 210,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 6,
        digits: Digits::Bits,
        values: Values::Offset(32),
        sub_block: 16,
        has_minimum: false,
        sub_scales: SubScales::Integer,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 208), 0);
    for (scale, byte) in parts.sub_scales.iter_mut().zip(&block[192..208]) {
        *scale = *byte as i8;
    }
    let halves = block[..128].chunks_exact(64).zip(block[128..192].chunks_exact(32));
    for ((lower, upper), codes) in halves.zip(parts.codes.chunks_exact_mut(128)) {
        split_nibbles(lower, codes);
        for (quarter, codes) in codes.chunks_exact_mut(32).enumerate() {
            for (byte, code) in upper.iter().zip(codes) {
                *code |= (byte >> (2 * quarter) & 3) << 4;
            }
        }
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    for (bytes, codes) in block[..128].chunks_exact_mut(64).zip(parts.codes.chunks_exact(128)) {
        join_nibbles(codes, bytes);
    }
    for (bytes, codes) in block[128..192].chunks_exact_mut(32).zip(parts.codes.chunks_exact(128)) {
        for (l, byte) in bytes.iter_mut().enumerate() {
            *byte = (0..4).fold(0, |byte, quarter| byte | (codes[32 * quarter + l] >> 4 & 3) << (2 * quarter));
        }
    }
    for (byte, scale) in block[192..208].iter_mut().zip(&parts.sub_scales) {
        *byte = *scale as u8;
    }
    put_u16(block, 208, parts.scale);
}
