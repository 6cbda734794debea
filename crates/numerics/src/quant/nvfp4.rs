//! NVFP4: 64 floating point elements of 4 bits (E2M1); four sub-blocks of 16, each with a scale of 8 bits (E4M3).
//!
//! ```text
//! byte  0..4    byte b: bits 6-3 exponent, bits 2-0 fraction of the scale of sub-block b
//! byte  4..36   four runs of 8 bytes, one per sub-block; in run b, byte j:
//!               bits 3-0 element 16 b + j, bits 7-4 element 16 b + 8 + j
//! value = scale_b / 2 * DOUBLED[code]               (elements as in MXFP4, doubled)
//! ```
//!
//! Source: NVIDIA, Introducing NVFP4 (2025); OCP 8-bit floating point specification for E4M3. Bit 7 of a scale has no
//! meaning, with one exception, as in GGUF files: the byte 0x7f, which E4M3 keeps for NaN, is 0, and 0xff is 480.

use super::bits::{join_nibbles, split_nibbles};
use super::mxfp4::DOUBLED;
use super::{Digits, Encoding, Format, Parts, Quantised, ScaleEncoding, SubScales, Values};

pub(super) const NVFP4: Format = Format {
    name: "NVFP4",
    gguf_type: 40,
    block_elements: 64,
    block_bytes: 36,
    encoding: Encoding::Quantised(Quantised {
        code_bits: 4,
        digits: Digits::Bits,
        values: Values::Table(&DOUBLED),
        sub_block: 16,
        has_minimum: false,
        sub_scales: SubScales::HalfE4M3,
        scale_encoding: ScaleEncoding::One,
        unpack_block,
        put_together,
    }),
};

fn unpack_block(block: &[u8], parts: &mut Parts) {
    parts.set_scales(0, 0);
    for (scale, byte) in parts.sub_scales.iter_mut().zip(&block[..4]) {
        *scale = if *byte == 0x7f { 0 } else { (byte & 0x7f) as i8 };
    }
    for (bytes, codes) in block[4..36].chunks_exact(8).zip(parts.codes.chunks_exact_mut(16)) {
        split_nibbles(bytes, codes);
    }
}

fn put_together(parts: &Parts, block: &mut [u8]) {
    for (byte, scale) in block[..4].iter_mut().zip(&parts.sub_scales) {
        // 480, the one number beyond E4M3's own, has its byte with the sign.
        *byte = if *scale == 0x7f { 0xff } else { *scale as u8 };
    }
    for (bytes, codes) in block[4..36].chunks_exact_mut(8).zip(parts.codes.chunks_exact(16)) {
        join_nibbles(codes, bytes);
    }
}
