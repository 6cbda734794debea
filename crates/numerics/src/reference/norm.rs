//! Root-mean-square norm (clause N; Zhang and Sennrich, arXiv 1910.07467).

use super::stripe16;
use crate::ops::{Norm, Team};

/// See [`crate::ops::Ops::rms_norm`].
pub(super) fn rms_norm(_: &dyn Team, norm: Norm<'_>, input: &[f32], output: &mut [f32]) {
    let width = norm.gain.len();
    for (x, output) in input.chunks_exact(width).zip(output.chunks_exact_mut(width)) {
        let mean = stripe16(x, |x, sum| x.mul_add(x, sum)) / width as f32;
        let factor = 1.0 / (mean + norm.epsilon).sqrt();
        for ((x, gain), output) in x.iter().zip(norm.gain).zip(output) {
            *output = x * factor * gain;
        }
    }
}
