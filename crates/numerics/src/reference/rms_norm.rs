//! Root-mean-square norm (clause N1; Zhang and Sennrich, arXiv 1910.07467).

use super::stripe16;

/// The norm of each `size` consecutive elements; `gain` has as many, all 1 where there is none.
pub fn rms_norm(x: &[f32], size: usize, gain: Option<&[f32]>, epsilon: f32, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
        let mean = stripe16(x, |x, sum| x.mul_add(x, sum)) / size as f32;
        let factor = 1.0 / (mean + epsilon).sqrt();
        for i in 0..size {
            out[i] = x[i] * factor * gain.map_or(1.0, |gain| gain[i]);
        }
    }
}
