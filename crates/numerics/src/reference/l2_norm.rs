//! Rows of length 1 (clause N2).

use super::lane_sum16;
use crate::functions::fma;

/// Each `size` consecutive elements, divided by the root of the sum of their squares.
pub fn l2_norm(x: &[f32], size: usize, epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let sum = lane_sum16(x, |x, sum| fma(x, x, sum));
        let factor = 1.0 / (sum + epsilon).sqrt();
        for (x, out) in x.iter().zip(out) {
            *out = x * factor;
        }
    }
}
