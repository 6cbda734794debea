//! The gated feed-forward part.

use hefu_numerics::ops::Scratch;

use super::{Context, sized};
use crate::state::State;
use crate::weights::Gated;

/// `state.normed` to `state.mixed`.
pub(crate) fn dense(context: &Context<'_>, weights: &Gated, rows: usize, state: &mut State) {
    let width = context.config.width;
    let output = sized(&mut state.mixed, rows * width);
    let input = &state.normed[..rows * width];
    gated(
        context,
        weights,
        &mut state.scratch,
        input,
        rows,
        [&mut state.queries_then_gate, &mut state.attended_then_up],
        output,
    );
}

/// `down(activation(gate(x)) * up(x))` of every row; `inner` are the buffers of gate and up.
pub(crate) fn gated(
    context: &Context<'_>,
    weights: &Gated,
    scratch: &mut Scratch,
    input: &[f32],
    rows: usize,
    inner: [&mut Vec<f32>; 2],
    output: &mut [f32],
) {
    let length = rows * context.config.feed_forward;
    let [gate, up] = inner.map(|buffer| sized(buffer, length));
    context.linear(scratch, input, rows, [&weights.gate, &weights.up], [&mut *gate, &mut *up]);
    (context.ops.gate)(context.team, context.config.activation, gate, up);
    context.linear(scratch, gate, rows, [&weights.down], [output]);
}
