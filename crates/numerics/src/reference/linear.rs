//! Matrix products (clauses Q2 and R1).

use super::{QuantizedBlock, chain, file_row, quantize_block};
use crate::functions::fma;
use crate::matrix::Matrix;
use crate::quant::{Encoding, Parts, Quantised};

/// `out[t][r]` is the sum over columns `c` of `weight[r][c] * x[t][c]`, plus `bias[r]` where there is one. `x`:
/// `[rows][weight.columns]`; `out`: `[rows][weight.rows]`.
pub fn linear(x: &[f32], weight: &Matrix, bias: Option<&[f32]>, out: &mut [f32]) {
    let rows = out.len() / weight.rows;
    match &weight.format.encoding {
        Encoding::Float(_) => float(weight, x, rows, out),
        Encoding::Quantised(quantised) => integer(weight, quantised, &x[..rows * weight.columns], rows, out),
    }
    if let Some(bias) = bias {
        for out in out.chunks_exact_mut(bias.len()) {
            out.iter_mut().zip(bias).for_each(|(out, bias)| *out += bias);
        }
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
            (quantised.unpack_block)(block, &mut parts);
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
        sum = fma(products as f32, parts.scale_of(quantised, b) * x.scale, sum);
        if quantised.has_minimum {
            sum = fma(parts.minimum_of(b), -(x.scale * activations as f32), sum);
        }
    }
    sum
}
