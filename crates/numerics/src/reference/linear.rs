//! Matrix products (clauses Q2 and R1).

use std::sync::atomic::Ordering;

use super::{QuantizedBlock, chain, file_row, quantize_block};
use crate::matrix::Matrix;
use crate::ops::{Projection, Scratch, Team};
use crate::prepared::Input;
use crate::quant::{Encoding, Parts, Quantised};

/// See [`crate::ops::Ops::linear`].
pub(super) fn linear(_: &dyn Team, _: &mut Scratch, input: Input<'_>, tokens: usize, outputs: &mut [Projection<'_>]) {
    let input = input.rows().expect("rows stay as they are here");
    for Projection { matrix, output, not_finite } in outputs {
        match &matrix.encoding() {
            Encoding::Float(_) => float(matrix, input, tokens, output),
            Encoding::Quantised(quantised) => {
                integer(matrix, quantised, &input[..tokens * matrix.columns], tokens, output);
            }
        }
        if let Some(found) = not_finite
            && output[..tokens * matrix.rows].iter().any(|x| !x.is_finite())
        {
            found.store(true, Ordering::Relaxed);
        }
    }
}

impl Matrix {
    fn encoding(&self) -> &'static Encoding {
        &self.format.encoding
    }
}

fn float(matrix: &Matrix, input: &[f32], tokens: usize, output: &mut [f32]) {
    let mut weights = vec![0.0; matrix.columns];
    for row in 0..matrix.rows {
        matrix.format.decode_row(file_row(matrix, row), &mut weights);
        for token in 0..tokens {
            let x = &input[token * matrix.columns..][..matrix.columns];
            output[token * matrix.rows + row] = chain(&weights, x);
        }
    }
}

fn integer(matrix: &Matrix, quantised: &Quantised, input: &[f32], tokens: usize, output: &mut [f32]) {
    let quantized: Vec<QuantizedBlock> = input.chunks_exact(32).map(quantize_block).collect();
    let per_token = matrix.columns / 32;
    let mut parts = Parts::default();
    output[..tokens * matrix.rows].fill(0.0);
    for row in 0..matrix.rows {
        for (index, block) in file_row(matrix, row).chunks_exact(matrix.format.block_bytes).enumerate() {
            (quantised.take_apart)(block, &mut parts);
            for token in 0..tokens {
                let first = token * per_token + index * matrix.format.block_elements / 32;
                let sum = &mut output[token * matrix.rows + row];
                for (i, x) in quantized[first..][..matrix.format.block_elements / 32].iter().enumerate() {
                    *sum = add_block(quantised, &parts, i * 32, x, *sum);
                }
            }
        }
    }
}

/// Adds the product of 32 weights, from element `from` of the block on, with 32 activations.
fn add_block(quantised: &Quantised, parts: &Parts, from: usize, x: &QuantizedBlock, mut sum: f32) -> f32 {
    for start in (0..32).step_by(quantised.sub_block) {
        let b = (from + start) / quantised.sub_block;
        let mut products = 0i32;
        let mut activations = 0i32;
        for i in start..start + quantised.sub_block {
            products += parts.weight(quantised, from + i) * i32::from(x.q[i]);
            activations += i32::from(x.q[i]);
        }
        sum = (products as f32).mul_add(parts.scale_of(quantised, b) * x.scale, sum);
        if quantised.has_minimum {
            sum = parts.minimum_of(b).mul_add(-(x.scale * activations as f32), sum);
        }
    }
    sum
}
