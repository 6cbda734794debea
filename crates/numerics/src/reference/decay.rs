//! Decay of a recurrent state (clause D3).

use crate::functions::softplus;

/// `out[i] = rate * softplus(x[i] + bias[i])`, with a rate for each of `rate.len()` equal parts of a row. `x`:
/// `[rows][bias.len()]`.
pub fn decay(x: &[f32], rate: &[f32], bias: &[f32], out: &mut [f32]) {
    let part = bias.len() / rate.len();
    for (x, out) in x.chunks_exact(bias.len()).zip(out.chunks_exact_mut(bias.len())) {
        for i in 0..bias.len() {
            out[i] = rate[i / part] * softplus(x[i] + bias[i]);
        }
    }
}
