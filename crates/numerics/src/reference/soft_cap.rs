//! Bounded numbers (clause F7).

use crate::functions::tanh;

/// `out[i] = cap * tanh(x[i] / cap)`.
pub fn soft_cap(x: &[f32], cap: f32, out: &mut [f32]) {
    for (x, out) in x.iter().zip(out) {
        *out = cap * tanh(x / cap);
    }
}
