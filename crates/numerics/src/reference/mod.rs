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
use crate::ops::Ops;
use crate::quant::Format;

/// The naive loops as a device.
pub const OPS: Ops = Ops {
    name: "reference",
    packed_bytes,
    row_group: 1,
    announce: |_, _| {},
    pack,
    row,
    linear: linear::linear,
    rms_norm: norm::rms_norm,
    rope: rope::rope,
    store: store::store,
    attention: attention::attention,
    gate: elementwise::gate,
    add: elementwise::add,
};

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

fn row(matrix: &Matrix, row: usize, output: &mut [f32]) {
    matrix.format.decode_row(file_row(matrix, row), output);
}
