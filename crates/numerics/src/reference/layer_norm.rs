//! Norm about the mean (clause N3; Ba, Kiros and Hinton, arXiv 1607.06450).

use super::lane_sum16;
use crate::functions::fma;

/// The norm of each `size` consecutive elements; `gain` and `bias` have as many, all 1 and all 0 where there are none.
pub fn layer_norm(x: &[f32], size: usize, gain: Option<&[f32]>, bias: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let mean = lane_sum16(x, |x, sum| sum + x) / size as f32;
        let centred: Vec<f32> = x.iter().map(|x| x - mean).collect();
        let variance = lane_sum16(&centred, |x, sum| fma(x, x, sum)) / size as f32;
        let factor = 1.0 / (variance + epsilon).sqrt();
        for i in 0..size {
            out[i] = centred[i] * factor * gain.map_or(1.0, |gain| gain[i]);
            if let Some(bias) = bias {
                out[i] += bias[i];
            }
        }
    }
}
