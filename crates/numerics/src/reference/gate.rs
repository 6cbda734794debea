//! Gates (clauses F6 and F12).

use crate::functions;
use crate::program::Activation;

/// `out[i] = activation(gate[i]) * up[i]`.
pub fn gate(activation: Activation, gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((gate, up), out) in gate.iter().zip(up).zip(out) {
        *out = functions::gate(activation, *gate, *up);
    }
}
