//! A block before it is encoded: its numbers, brought to a common size, and how much each matters (clauses X1 and X2).

use crate::half::{f16_to_f32, f32_to_f16};
use crate::quant::MAX_BLOCK_ELEMENTS;

/// Below this, the largest magnitude of a block counts as zero: binary16 has no scale for it.
const TINY: f32 = f32::from_bits((127 - 100) << 23);

/// The least that a column matters, as part of the most.
const LEAST_IMPORTANCE: f32 = f32::from_bits((127 - 20) << 23);

/// The largest binary16.
const LARGEST: f32 = 65504.0;

/// Lanes of a sum.
pub(super) const LANES: usize = 8;

/// A block's numbers and weights; all arrays have [`Block::len`] of them.
pub(super) struct Block {
    numbers: [f32; MAX_BLOCK_ELEMENTS],
    weights: [f32; MAX_BLOCK_ELEMENTS],
    len: usize,
    /// Factor of the numbers, a power of two, so that the largest magnitude is from 1 to 4; 0 for a block of zeros.
    factor: f32,
}

impl Block {
    pub(super) fn new(row: &[f32], importance: Option<&[f32]>) -> Block {
        let mut block = Block { numbers: [0.0; 256], weights: [0.0; 256], len: row.len(), factor: power(row) };
        for (number, given) in block.numbers.iter_mut().zip(row) {
            *number = given * block.factor;
        }
        let squares = lanes(block.x(), |x| x * x);
        let mean = total(squares) / row.len() as f32;
        for (weight, x) in block.weights.iter_mut().zip(&block.numbers[..row.len()]) {
            *weight = (mean + x * x).sqrt();
        }
        if let Some(importance) = importance {
            let factor = power(importance);
            for (weight, given) in block.weights.iter_mut().zip(importance) {
                let scaled = if factor == 0.0 { 1.0 } else { given * factor };
                *weight *= if scaled > LEAST_IMPORTANCE { scaled } else { LEAST_IMPORTANCE };
            }
        }
        block
    }

    /// True if every number counts as zero.
    pub(super) fn is_zero(&self) -> bool {
        self.factor == 0.0
    }

    /// The numbers.
    pub(super) fn x(&self) -> &[f32] {
        &self.numbers[..self.len]
    }

    /// Importance of each.
    pub(super) fn w(&self) -> &[f32] {
        &self.weights[..self.len]
    }

    /// Code of a number of the row.
    pub(super) fn here(&self, number: f32) -> f32 {
        number * self.factor
    }

    /// The binary16 nearest to a scale of this block, and the scale that it is here.
    pub(super) fn narrow(&self, scale: f32) -> (u16, f32) {
        let wide = scale / self.factor;
        let bits = f32_to_f16(wide.clamp(-LARGEST, LARGEST));
        (bits, self.here(f16_to_f32(bits)))
    }
}

/// The power of two that brings the largest magnitude to 1 to 4; 0 where all count as zero.
fn power(numbers: &[f32]) -> f32 {
    let largest = numbers.iter().fold(0.0_f32, |largest, x| if x.abs() > largest { x.abs() } else { largest });
    if largest < TINY {
        return 0.0;
    }
    let exponent = largest.to_bits() >> 23;
    f32::from_bits((254 - exponent.min(253)) << 23)
}

/// `each` of all numbers, added in eight stripes.
fn lanes(numbers: &[f32], each: impl Fn(f32) -> f32) -> [f32; LANES] {
    let mut sums = [0.0; LANES];
    for run in numbers.as_chunks::<LANES>().0 {
        for (sum, x) in sums.iter_mut().zip(run) {
            *sum += each(*x);
        }
    }
    sums
}

/// The sum of eight stripes, by halves.
pub(super) fn total(mut sums: [f32; LANES]) -> f32 {
    for width in [4, 2, 1] {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}
