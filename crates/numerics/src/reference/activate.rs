//! Functions of single numbers (clause F6).

use crate::functions;
use crate::program::Activation;

/// `out[i] = activation(x[i])`.
pub fn activate(activation: Activation, x: &[f32], out: &mut [f32]) {
    for (x, out) in x.iter().zip(out) {
        *out = functions::activation(activation, *x);
    }
}
