//! Rows of a table (clause W2).

use super::file_row;
use crate::matrix::Matrix;

/// `out[t] = scale * table[tokens[t]]`, for each element; `out`: `[tokens][table.columns]`.
pub fn embed(table: &Matrix, tokens: &[u32], scale: f32, out: &mut [f32]) {
    for (token, out) in tokens.iter().zip(out.chunks_exact_mut(table.columns)) {
        table.format.decode_row(file_row(table, *token as usize), out);
        for out in out {
            *out *= scale;
        }
    }
}
