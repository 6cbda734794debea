//! Gaussian top-k: the elements that stand out of a row (clause N5; You et al., arXiv 2506.06644).

use super::lane_sum16;
use crate::functions::{self, fma};
use crate::program::Activation;

/// Excess of each element over the row's mean and `deviations` standard deviations; 0 below that.
pub fn gaussian_top_k(x: &[f32], width: usize, deviations: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
        let mean = lane_sum16(x, |x, sum| sum + x) / width as f32;
        let centred: Vec<f32> = x.iter().map(|x| x - mean).collect();
        let variance = lane_sum16(&centred, |x, sum| fma(x, x, sum)) / width as f32;
        let cut = mean + deviations * variance.sqrt();
        for (x, out) in x.iter().zip(out) {
            *out = functions::activation(Activation::Relu, x - cut);
        }
    }
}
