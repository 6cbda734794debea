//! The gated feed-forward part.

use hefu_numerics::matrix::Matrix;
use hefu_numerics::ops::{Gated as Projections, Scratch};
use hefu_numerics::prepared::{Input, Prepared};

use super::Context;
use crate::state::State;
use crate::weights::Gated;

/// `state.normed` to `state.mixed`; `next` is what is read after it.
pub(crate) fn dense(context: &Context<'_>, weights: &Gated, next: &[&Matrix], rows: usize, state: &mut State) {
    let output = state.mixed.sized(rows * context.config.width);
    gated(context, weights, next, &mut state.scratch, state.normed.input(), rows, &mut state.opened, output);
}

/// `down(activation(gate(x)) * up(x))` of every row; `next` is what is read after all rows.
#[expect(clippy::too_many_arguments, reason = "the parts of a state that is lent in parts")]
pub(crate) fn gated(
    context: &Context<'_>,
    weights: &Gated,
    next: &[&Matrix],
    scratch: &mut Scratch,
    input: Input<'_>,
    rows: usize,
    opened: &mut Prepared,
    output: &mut [f32],
) {
    let config = context.config;
    let piece = piece_of(rows, config.feed_forward);
    let outputs = output.chunks_mut(piece * config.width);
    for (index, output) in outputs.enumerate() {
        let rows = output.len() / config.width;
        let input = match input {
            Input::Rows(all) => Input::Rows(&all[index * piece * config.width..][..output.len()]),
            prepared @ Input::Prepared(_) => prepared,
        };
        context.announce(&[&weights.down.matrix]);
        gate_and_up(context, weights, scratch, input, rows, opened);
        context.announce(next);
        context.linear(scratch, opened.input(), rows, [&weights.down], [output]);
    }
}

/// `activation(gate(x)) * up(x)` of every row.
fn gate_and_up(
    context: &Context<'_>,
    weights: &Gated,
    scratch: &mut Scratch,
    input: Input<'_>,
    rows: usize,
    opened: &mut Prepared,
) {
    let activation = context.config.activation;
    if weights.gate.bias.is_none() && weights.up.bias.is_none() {
        let (gate, up, down) = (&weights.gate.matrix, &weights.up.matrix, &weights.down.matrix);
        let gated = Projections { gate, up, activation, down };
        return (context.ops.gated)(context.team, scratch, input, rows, &gated, opened);
    }
    let length = rows * context.config.feed_forward;
    let (gate, up) = opened.as_rows(2 * length).split_at_mut(length);
    context.linear(scratch, input, rows, [&weights.gate, &weights.up], [&mut *gate, &mut *up]);
    (context.ops.gate)(context.team, activation, gate, up);
}

/// Most bytes of what gate and up make: a quarter of the last cache of one core group of a Zen, so that what one product
/// writes is still there for the next.
const INNER_BYTES: usize = 8 << 20;

/// Rows of a piece are a multiple of this, which all kernels' tiles divide.
const ROW_UNIT: usize = 48;

/// Fewest rows of a piece: weights that no cache keeps are read again for each, in much less time than so many rows'
/// products take.
const LEAST_ROWS: usize = 4 * ROW_UNIT;

/// Rows of a piece of so many rows: all of them are of about the same size, as each takes all weights apart once more.
fn piece_of(rows: usize, wide: usize) -> usize {
    rows.div_ceil(rows.div_ceil(rows_at_once(wide)).max(1)).next_multiple_of(ROW_UNIT)
}

/// Whether all of so many rows go through at once, so that their input may lie in the form that products read.
pub(crate) fn is_one_piece(rows: usize, wide: usize) -> bool {
    piece_of(rows, wide) >= rows
}

/// Rows that go through gate, up and down before the next ones do, where the inner width is `wide`.
pub(crate) fn rows_at_once(wide: usize) -> usize {
    let most = INNER_BYTES / (wide.max(1) * size_of::<f32>());
    (most / ROW_UNIT * ROW_UNIT).max(LEAST_ROWS)
}
