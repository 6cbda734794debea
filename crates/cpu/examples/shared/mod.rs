//! Helpers of the examples.

use std::sync::Arc;

use hefu_cpu::HugeMemory;
use hefu_cpu::ops::Ops;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::quant::Format;

/// Packed weights; rows are a multiple of the instruction set's group.
pub(crate) fn matrix(ops: &Ops, format: &'static Format, rows: usize, columns: usize) -> Matrix {
    let group = (ops.packed_bytes)(format, ops.row_group, columns);
    let mut memory = HugeMemory::new((ops.packed_bytes)(format, rows, columns)).expect("memory");
    let length = format.row_bytes(columns).unwrap_or(0) * ops.row_group;
    // No byte near 0: numbers and scales that begin with one would be subnormal, with which some chips take very long.
    let file: Vec<u8> = (0..length).map(|i| (i * 7 % 61 + 30) as u8).collect();
    for packed in memory.as_mut().chunks_exact_mut(group) {
        (ops.pack)(format, ops.row_group, columns, &file, packed);
    }
    let range = 0..memory.as_ref().len();
    Matrix { format, rows, columns, memory: Arc::new(memory), range }
}
