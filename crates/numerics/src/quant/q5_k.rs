//! Q5_K: 256 elements of 5 bits; 8 sub-blocks of 32, each with a scale and a minimum of 6 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..4    minimum, binary16
//! byte  4..16   scales and minimums of the sub-blocks (drawn at `bits::six_bit_scales`)
//! byte 16..48   bit b of byte l: bit 4 of element 32 b + l
//! byte 48..176  bits 3-0 of the elements: four runs of 32 bytes, for two sub-blocks each; in run r, byte l:
//!               low nibble of element 64 r + l, high nibble of element 64 r + 32 + l
//! value = scale * scale_b * code - minimum * minimum_b
//! ```

use super::bits::{join_nibbles, put_six_bit_scales, put_u16, six_bit_scales, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q5_K: Format = Format {
    name: "Q5_K",
    gguf_type: 13,
    block_elements: 256,
    block_bytes: 176,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 5,
        digits: Digits::Bits,
        values: Values::Offset(0),
        sub_block: 32,
        has_minimum: true,
        sub_scales: SubScales::Integer,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), u16_at(block, 2));
    six_bit_scales(&block[4..16], &mut parts.sub_scales, &mut parts.sub_minimums);
    for (bytes, codes) in block[48..176].chunks_exact(32).zip(parts.codes.chunks_exact_mut(64)) {
        split_nibbles(bytes, codes);
    }
    for (b, codes) in parts.codes.chunks_exact_mut(32).enumerate() {
        for (byte, code) in block[16..48].iter().zip(codes) {
            *code |= (byte >> b & 1) << 4;
        }
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    put_u16(block, 2, parts.minimum);
    put_six_bit_scales(&parts.sub_scales, &parts.sub_minimums, &mut block[4..16]);
    for (l, byte) in block[16..48].iter_mut().enumerate() {
        *byte = (0..8).fold(0, |byte, b| byte | (parts.codes[32 * b + l] >> 4 & 1) << b);
    }
    for (bytes, codes) in block[48..176].chunks_exact_mut(32).zip(parts.codes.chunks_exact(64)) {
        join_nibbles(codes, bytes);
    }
}
