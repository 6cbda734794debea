//! IQ4_XS: 256 elements of 4 bits that choose from IQ4_NL's table; 8 sub-blocks of 32, each with a signed scale of
//! 6 bits.
//!
//! ```text
//! byte  0..2    scale, binary16
//! byte  2..4    bits 2 b + 1 and 2 b (little-endian): upper bits of scale b
//! byte  4..8    byte i: bits 3-0 the lower bits of scale 2 i, bits 7-4 those of scale 2 i + 1
//! byte  8..136  eight runs of 16 bytes, one per sub-block; in run b, byte j:
//!               bits 3-0 element 32 b + j, bits 7-4 element 32 b + 16 + j
//! value = scale * (scale_b - 32) * VALUES[code]
//! ```

use super::bits::{join_nibbles, put_u16, split_nibbles, u16_at};
use super::iq4_nl::VALUES;
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const IQ4_XS: Format = Format {
    name: "IQ4_XS",
    gguf_type: 23,
    block_elements: 256,
    block_bytes: 136,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Table(&VALUES),
        sub_block: 32,
        has_minimum: false,
        sub_scales: SubScales::Integer,
        scale_encoding: ScaleEncoding::F16,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(u16_at(block, 0), 0);
    let upper = u16_at(block, 2);
    for b in 0..8 {
        let lower = block[4 + b / 2] >> (4 * (b % 2)) & 15;
        let upper = (upper >> (2 * b) & 3) as u8;
        parts.sub_scales[b] = (lower | upper << 4) as i8 - 32;
    }
    for (bytes, codes) in block[8..136].chunks_exact(16).zip(parts.codes.chunks_exact_mut(32)) {
        split_nibbles(bytes, codes);
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    put_u16(block, 0, parts.scale);
    let (mut upper, mut lower) = (0, [0_u8; 4]);
    for b in 0..8 {
        let scale = (parts.sub_scales[b] + 32) as u8;
        lower[b / 2] |= (scale & 15) << (4 * (b % 2));
        upper |= u16::from(scale >> 4 & 3) << (2 * b);
    }
    put_u16(block, 2, upper);
    block[4..8].copy_from_slice(&lower);
    for (bytes, codes) in block[8..136].chunks_exact_mut(16).zip(parts.codes.chunks_exact(32)) {
        join_nibbles(codes, bytes);
    }
}
