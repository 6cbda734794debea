//! Short causal convolution (clause D2).

use super::file_row;
use crate::functions::{self, fma};
use crate::matrix::Matrix;
use crate::program::Activation;

/// Convolves every channel of the rows of one sequence, `[rows][channels]`, and moves `state` on: the inputs of the last
/// `taps - 1` rows, `[taps - 1][channels]`, the oldest first. `kernel`: `[channels][taps]`.
pub fn short_conv(
    x: &[f32],
    kernel: &Matrix,
    bias: Option<&[f32]>,
    activation: Option<Activation>,
    state: &mut [f32],
    out: &mut [f32],
) {
    let (channels, taps) = (kernel.rows, kernel.columns);
    let mut weights = vec![0.0; channels * taps];
    for (channel, weights) in weights.chunks_exact_mut(taps).enumerate() {
        kernel.format.decode_row(file_row(kernel, channel), weights);
    }
    for (x, out) in x.chunks_exact(channels).zip(out.chunks_exact_mut(channels)) {
        for channel in 0..channels {
            let mut sum = 0.0f32;
            for tap in 0..taps {
                let input = if tap + 1 < taps { state[tap * channels + channel] } else { x[channel] };
                sum = fma(weights[channel * taps + tap], input, sum);
            }
            if let Some(bias) = bias {
                sum += bias[channel];
            }
            out[channel] = activation.map_or(sum, |activation| functions::activation(activation, sum));
        }
        if taps > 1 {
            state.copy_within(channels.., 0);
            state[(taps - 2) * channels..].copy_from_slice(x);
        }
    }
}
