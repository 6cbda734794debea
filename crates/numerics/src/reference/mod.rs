//! The executable specification: every operation as the loop that a newcomer would write.
//!
//! Weights stay in the file's own layout. Nothing here is fast, and nothing here may become clever: what these loops
//! compute, to the bit, is what every device must compute.

mod attention;
mod elementwise;
mod linear;
mod norm;
mod quantize;
mod rope;
mod store;
mod sums;

pub use quantize::{QuantizedBlock, TINY, quantize_block};
pub use sums::{chain, stripe16};

use crate::matrix::Matrix;
use crate::ops::{Gated, Ops, Projection, Scratch, Team};
use crate::prepared::{Input, Prepared};
use crate::quant::Format;

/// The naive loops as a device.
pub const OPS: Ops = Ops {
    name: "reference",
    packed_bytes,
    row_group: 1,
    announce: |_, _| {},
    pack,
    rows,
    linear: linear::linear,
    gated,
    rms_norm: norm::rms_norm,
    rope: rope::rope,
    store: store::store,
    attention: attention::attention,
    gate: elementwise::gate,
    add: elementwise::add,
};

/// See [`Ops::gated`].
fn gated(
    team: &dyn Team,
    scratch: &mut Scratch,
    input: Input<'_>,
    tokens: usize,
    gated: &Gated<'_>,
    opened: &mut Prepared,
) {
    let Gated { gate, up, activation, .. } = *gated;
    let gate_output = opened.as_rows(tokens * gate.rows);
    let mut up_output = vec![0.0; tokens * up.rows];
    let mut project = |matrix, output: &mut [f32]| {
        linear::linear(team, scratch, input, tokens, &mut [Projection { matrix, output, not_finite: None }]);
    };
    project(gate, gate_output);
    project(up, &mut up_output);
    elementwise::gate(team, activation, gate_output, &up_output);
}

fn packed_bytes(format: &'static Format, rows: usize, columns: usize) -> usize {
    rows * row_bytes(format, columns)
}

fn row_bytes(format: &Format, columns: usize) -> usize {
    format.row_bytes(columns).expect("the caller checked that a row is a whole number of blocks")
}

fn pack(_: &'static Format, _rows: usize, _columns: usize, file: &[u8], packed: &mut [u8]) {
    packed.copy_from_slice(file);
}

/// Row `row` of a matrix in the file's layout.
fn file_row(matrix: &Matrix, row: usize) -> &[u8] {
    let bytes = row_bytes(matrix.format, matrix.columns);
    &matrix.bytes()[row * bytes..][..bytes]
}

fn rows(_: &dyn Team, matrix: &Matrix, rows: &[u32], factor: f32, output: &mut [f32]) {
    for (row, output) in rows.iter().zip(output.chunks_exact_mut(matrix.columns)) {
        matrix.format.decode_row(file_row(matrix, *row as usize), output);
        output.iter_mut().for_each(|x| *x *= factor);
    }
}
