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

use super::bits::{split_nibbles, u16_at};
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
        take_apart,
    }),
};

fn take_apart(block: &[u8], parts: &mut Parts) {
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
