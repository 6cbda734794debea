//! Operations on single elements.

use super::norm::rms_norm;
use crate::functions;
use crate::ops::{Activation, After, Around, Team};

/// See [`crate::ops::Ops::gate`].
pub(super) fn gate(_: &dyn Team, activation: Activation, gate: &mut [f32], up: &[f32]) {
    for (gate, up) in gate.iter_mut().zip(up) {
        *gate = functions::activation(activation, *gate) * up;
    }
}

/// See [`crate::ops::Ops::add`].
pub(super) fn add(team: &dyn Team, sum: &mut [f32], addend: &[f32], around: Around<'_>) {
    let mut addend = addend.to_vec();
    if let Some(norm) = around.before {
        rms_norm(team, norm, &addend.clone(), &mut addend);
    }
    for (sum, addend) in sum.iter_mut().zip(addend) {
        *sum += addend;
    }
    if let Some(After { norm, output, .. }) = around.after {
        rms_norm(team, norm, sum, output.as_rows(sum.len()));
    }
}
