//! A block of quantised weights, unpacked.

use super::{Quantised, ScaleEncoding, SubScales, Values};
use crate::functions::fma;
use crate::half::f16_to_f32;

/// Most elements that a block of any format holds.
pub const MAX_BLOCK_ELEMENTS: usize = 256;

/// Fewest elements that share a scale.
pub const MIN_SUB_BLOCK: usize = 16;

/// One block of the file as integers. Only the first `block_elements` codes and the first
/// `block_elements / sub_block` sub-scales have a meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// One code per element, in ascending order of the contraction index.
    pub codes: [u8; MAX_BLOCK_ELEMENTS],
    /// Bits of the block's scale, read as [`Quantised::scale_encoding`] says.
    pub scale: u16,
    /// Bits (binary16) of the block's minimum, which is *subtracted*; 0 for formats without.
    pub minimum: u16,
    /// Factor of the scale per sub-block, read as [`SubScales::factor`] says.
    pub sub_scales: [i8; MAX_BLOCK_ELEMENTS / MIN_SUB_BLOCK],
    /// Factor of the minimum per sub-block.
    pub sub_minimums: [u8; MAX_BLOCK_ELEMENTS / MIN_SUB_BLOCK],
}

impl Default for Parts {
    fn default() -> Self {
        Parts { codes: [0; 256], scale: 0, minimum: 0, sub_scales: [1; 16], sub_minimums: [1; 16] }
    }
}

/// The f32 that a scale's bits stand for; exact.
#[inline]
pub fn scale_value(encoding: ScaleEncoding, bits: u16) -> f32 {
    match encoding {
        ScaleEncoding::F16 => f16_to_f32(bits),
        ScaleEncoding::One => 1.0,
        // 2^(e-128): normal for e >= 2, else one of the two subnormals 2^-127 and 2^-128.
        ScaleEncoding::HalfE8M0 => match bits & 0xff {
            0 => f32::from_bits(0x0020_0000),
            1 => f32::from_bits(0x0040_0000),
            e => f32::from_bits(u32::from(e - 1) << 23),
        },
    }
}

/// Factor from the bits of an E4M3 number to its half, once they lie in the place of an f32's: the difference of the
/// exponents' biases, 127 - 7, less one. Subnormal numbers stay right, as f32 has these too.
pub const HALF_E4M3_FACTOR: f32 = f32::from_bits((127 + 119) << 23);

impl SubScales {
    /// The factor that a sub-block's piece stands for; exact.
    #[inline]
    pub fn factor(self, piece: i8) -> f32 {
        match self {
            SubScales::None | SubScales::Integer => f32::from(piece),
            SubScales::Odd { eighths } => (f32::from(piece) * 2.0 + 1.0) * (f32::from(eighths) / 8.0),
            SubScales::HalfE4M3 => f32::from_bits(u32::from(piece as u8) << 20) * HALF_E4M3_FACTOR,
        }
    }
}

impl Parts {
    /// Sets the block's own scale and minimum and all factors of sub-blocks to 1; a format that has such factors
    /// overwrites those it uses.
    pub(super) fn set_scales(&mut self, scale: u16, minimum: u16) {
        (self.scale, self.minimum) = (scale, minimum);
        (self.sub_scales, self.sub_minimums) = ([1; 16], [1; 16]);
    }

    /// The integer weight of element `i`.
    #[inline]
    pub fn weight(&self, quantised: &Quantised, i: usize) -> i32 {
        match quantised.values {
            Values::Offset(offset) => i32::from(self.codes[i]) - i32::from(offset),
            Values::Table(table) => i32::from(table[usize::from(self.codes[i] & 15)]),
        }
    }

    /// The scale `s_b` of sub-block `b`; exact, because 11 bits times 8 bits fit 24.
    #[inline]
    pub fn scale_of(&self, quantised: &Quantised, b: usize) -> f32 {
        scale_value(quantised.scale_encoding, self.scale) * quantised.sub_scales.factor(self.sub_scales[b])
    }

    /// The minimum `m_b` of sub-block `b`, which is subtracted; exact.
    #[inline]
    pub fn minimum_of(&self, b: usize) -> f32 {
        f16_to_f32(self.minimum) * f32::from(self.sub_minimums[b])
    }

    /// Writes `s_b * w_i - m_b` for every element of `output`.
    pub fn decode(&self, quantised: &Quantised, output: &mut [f32]) {
        for (i, output) in output.iter_mut().enumerate() {
            let b = i / quantised.sub_block;
            let minimum = if quantised.has_minimum { self.minimum_of(b) } else { 0.0 };
            *output = fma(self.scale_of(quantised, b), self.weight(quantised, i) as f32, -minimum);
        }
    }
}
