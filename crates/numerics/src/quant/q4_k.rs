//! Q4_K: 256 elements of 4 bits; 8 sub-blocks of 32, each with a scale and a minimum of 6 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..4    minimum, binary16
//! byte  4..16   scales and minimums of the sub-blocks (drawn at `bits::six_bit_scales`)
//! byte 16..144  four runs of 32 bytes, for two sub-blocks each; in run r, byte l:
//!               bits 3-0 element 64 r + l, bits 7-4 element 64 r + 32 + l
//! value = scale * scale_b * code - minimum * minimum_b
//! ```

use super::bits::{join_nibbles, put_six_bit_scales, put_u16, six_bit_scales, split_nibbles, u16_at};
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const Q4_K: Format = Format {
    name: "Q4_K",
    gguf_type: 12,
    block_elements: 256,
    block_bytes: 144,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
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
    for (bytes, codes) in block[16..144].chunks_exact(32).zip(parts.codes.chunks_exact_mut(64)) {
        split_nibbles(bytes, codes);
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    put_u16(block, 2, parts.minimum);
    put_six_bit_scales(&parts.sub_scales, &parts.sub_minimums, &mut block[4..16]);
    for (bytes, codes) in block[16..144].chunks_exact_mut(32).zip(parts.codes.chunks_exact(64)) {
        join_nibbles(codes, bytes);
    }
}
