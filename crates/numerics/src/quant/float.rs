//! F32, F16 and BF16: plain little-endian numbers.

use super::{Encoding, Float, Format};
use crate::half::{bf16_to_f32, f16_to_f32};

/// IEEE-754 binary32.
pub(super) const F32: Format =
    Format { name: "F32", gguf_type: 0, block_elements: 1, block_bytes: 4, encoding: Encoding::Float(Float::F32) };

/// IEEE-754 binary16.
pub(super) const F16: Format =
    Format { name: "F16", gguf_type: 1, block_elements: 1, block_bytes: 2, encoding: Encoding::Float(Float::F16) };

/// bfloat16: the upper half of a binary32.
pub(super) const BF16: Format =
    Format { name: "BF16", gguf_type: 30, block_elements: 1, block_bytes: 2, encoding: Encoding::Float(Float::BF16) };

/// Decodes a row of plain numbers; exact.
pub(super) fn decode_row(kind: Float, row: &[u8], output: &mut [f32]) {
    match kind {
        Float::F32 => {
            for (bytes, output) in row.chunks_exact(4).zip(output) {
                *output = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            }
        }
        Float::F16 => decode_wide(row, output, f16_to_f32),
        Float::BF16 => decode_wide(row, output, bf16_to_f32),
    }
}

fn decode_wide(row: &[u8], output: &mut [f32], widen: fn(u16) -> f32) {
    for (bytes, output) in row.chunks_exact(2).zip(output) {
        *output = widen(u16::from_le_bytes([bytes[0], bytes[1]]));
    }
}
