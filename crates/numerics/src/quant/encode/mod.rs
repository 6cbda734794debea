//! From numbers to the blocks of a format: what `docs/readers/numerics.md` says in its clauses X.
//!
//! Every number is f32, every sum has its order, nothing is fused: the same bytes come out on every machine. Rows are by
//! themselves, so that any number of threads can share them.
//!
//! A block is brought to a common size (`block::Block`), the numbers that belong together get a scale that leaves the
//! least weighted error (`line`), and the format's way of keeping scales gives the rest: one for a block (`single`), small
//! factors for sub-blocks (`factors`), grids (`grid`) or floating point (`exponents`).

mod block;
mod exponents;
mod factors;
mod grid;
mod levels;
mod line;
mod single;

use super::{Encoding, Float, Format, Parts, Quantised, ScaleEncoding, SubScales};
use crate::half::{f32_to_bf16, f32_to_f16};
use block::Block;

/// Encodes a row in the file's layout.
///
/// `row` has a whole number of blocks and finite numbers, `importance` as many numbers, finite and not negative, that say how
/// much an error of each column matters; all alike where there are none. `output` holds [`Format::row_bytes`].
pub fn encode_row(format: &Format, row: &[f32], importance: Option<&[f32]>, output: &mut [u8]) {
    let quantised = match &format.encoding {
        Encoding::Float(kind) => return encode_floats(*kind, row, output),
        Encoding::Quantised(quantised) => quantised,
    };
    let mut parts = Parts::default();
    let size = format.block_elements;
    for (index, output) in output.chunks_exact_mut(format.block_bytes).enumerate() {
        let columns = index * size..(index + 1) * size;
        let block = Block::new(&row[columns.clone()], importance.map(|all| &all[columns]));
        parts.set_scales(0, 0);
        encode(format, quantised, &block, &mut parts);
        (quantised.put_together)(&parts, output);
    }
}

fn encode(format: &Format, quantised: &Quantised, block: &Block, parts: &mut Parts) {
    if let Some(rule) = grid::rule(format) {
        return grid::encode(rule, quantised, block, parts);
    }
    match (quantised.scale_encoding, quantised.sub_scales) {
        (ScaleEncoding::HalfE8M0, _) => exponents::encode_power(quantised, block, parts),
        (_, SubScales::HalfE4M3) => exponents::encode_factors(quantised, block, parts),
        (_, SubScales::Integer) => factors::encode(format, quantised, block, parts),
        _ => single::encode(format, quantised, block, parts),
    }
}

fn encode_floats(kind: Float, row: &[f32], output: &mut [u8]) {
    match kind {
        Float::F32 => {
            for (bytes, number) in output.chunks_exact_mut(4).zip(row) {
                bytes.copy_from_slice(&number.to_le_bytes());
            }
        }
        Float::F16 => encode_narrow(row, output, f32_to_f16),
        Float::BF16 => encode_narrow(row, output, f32_to_bf16),
    }
}

fn encode_narrow(row: &[f32], output: &mut [u8], narrow: fn(f32) -> u16) {
    for (bytes, number) in output.chunks_exact_mut(2).zip(row) {
        bytes.copy_from_slice(&narrow(*number).to_le_bytes());
    }
}
