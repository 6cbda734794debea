//! The gated feed-forward part.

use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::Scratch;

use super::{Context, sized};
use crate::state::State;
use crate::weights::Gated;

/// `state.normed` to `state.mixed`; `next` is what is read after it.
pub(crate) fn dense(context: &Context<'_>, weights: &Gated, next: &[&Matrix], rows: usize, state: &mut State) {
    let width = context.config.width;
    let output = sized(&mut state.mixed, rows * width);
    let input = &state.normed[..rows * width];
    gated(
        context,
        weights,
        next,
        &mut state.scratch,
        input,
        rows,
        [&mut state.queries_then_gate, &mut state.attended_then_up],
        output,
    );
}

/// `down(activation(gate(x)) * up(x))` of every row; `inner` are the buffers of gate and up, `next` is what is
/// read after all rows.
#[expect(clippy::too_many_arguments, reason = "the parts of a state that is lent in parts")]
pub(crate) fn gated(
    context: &Context<'_>,
    weights: &Gated,
    next: &[&Matrix],
    scratch: &mut Scratch,
    input: &[f32],
    rows: usize,
    inner: [&mut Vec<f32>; 2],
    output: &mut [f32],
) {
    let config = context.config;
    let (width, wide) = (config.width, config.feed_forward);
    let at_once = rows_at_once(wide);
    let [gate, up] = inner.map(|buffer| sized(buffer, rows.min(at_once) * wide));
    let pieces = input[..rows * width].chunks(at_once * width).zip(output.chunks_mut(at_once * width));
    for (input, output) in pieces {
        let rows = input.len() / width;
        let (gate, up) = (&mut gate[..rows * wide], &mut up[..rows * wide]);
        context.announce(&[&weights.down.matrix]);
        context.linear(scratch, input, rows, [&weights.gate, &weights.up], [&mut *gate, &mut *up]);
        (context.ops.gate)(context.team, config.activation, gate, up);
        context.announce(next);
        context.linear(scratch, gate, rows, [&weights.down], [output]);
    }
}

/// Most bytes of gate and up together: a quarter of the last cache of one core group of a Zen, so that what one product
/// writes is still there for the next.
const INNER_BYTES: usize = 8 << 20;

/// Rows of a piece are a multiple of this, which all kernels' tiles divide.
const ROW_UNIT: usize = 48;

/// Fewest rows of a piece: weights that no cache keeps are read again for each, in much less time than so many rows'
/// products take.
const LEAST_ROWS: usize = 4 * ROW_UNIT;

/// Rows that go through gate, up and down before the next ones do, where the inner width is `wide`.
pub(crate) fn rows_at_once(wide: usize) -> usize {
    let most = INNER_BYTES / (2 * wide.max(1) * size_of::<f32>());
    (most / ROW_UNIT * ROW_UNIT).max(LEAST_ROWS)
}
