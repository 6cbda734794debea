//! Products of heads with matrices of their own (clause Q4).

use super::linear;
use crate::matrix::Matrix;

/// `out[t][h]` is the product of `x[t][h]` with `weights[h]`. `x`: `[rows][heads][columns]`; `out`: `[rows][heads][rows of
/// a matrix]`.
pub fn head_linear(x: &[f32], weights: &[Matrix], out: &mut [f32]) {
    let (columns, outputs) = (weights[0].columns, weights[0].rows);
    let rows = x.chunks_exact(weights.len() * columns).zip(out.chunks_exact_mut(weights.len() * outputs));
    for (x, out) in rows {
        let heads = x.chunks_exact(columns).zip(out.chunks_exact_mut(outputs));
        for ((x, out), weight) in heads.zip(weights) {
            linear(x, weight, None, out);
        }
    }
}
