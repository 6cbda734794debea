//! Operations on single elements.

use crate::functions;
use crate::ops::{Activation, Team};

/// See [`crate::ops::Ops::gate`].
pub(super) fn gate(_: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = functions::activation(activation, *gate) * up;
    }
}

/// See [`crate::ops::Ops::add`].
pub(super) fn add(_: &dyn Team, sum: &mut [f32], addend: &[f32]) {
    for (sum, addend) in sum.iter_mut().zip(addend) {
        *sum += addend;
    }
}
