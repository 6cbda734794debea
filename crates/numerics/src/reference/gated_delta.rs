//! The gated delta rule (clause D4; Yang, Kautz and Hatamizadeh, arXiv 2412.06464), token by token.

use crate::functions::exp;
use crate::program::{DeltaHeads, Sharing};

/// Rows of one sequence.
#[derive(Debug, Clone, Copy)]
pub struct Delta<'a> {
    /// `[rows][key heads][key size]`.
    pub queries: &'a [f32],
    /// `[rows][key heads][key size]`.
    pub keys: &'a [f32],
    /// `[rows][value heads][value size]`.
    pub values: &'a [f32],
    /// Logarithms of what is kept, `[rows][value heads]`.
    pub decay: &'a [f32],
    /// How far values are corrected, `[rows][value heads]`.
    pub beta: &'a [f32],
}

/// Moves `state`, `[value heads][key size][value size]`, on from row to row, and reads it. `out`: `[rows][value
/// heads][value size]`.
pub fn gated_delta(rows: &Delta<'_>, heads: &DeltaHeads, scale: f32, state: &mut [f32], out: &mut [f32]) {
    let DeltaHeads { keys, values, key_size, value_size, sharing } = *heads;
    for (at, out) in out.chunks_exact_mut(value_size).enumerate() {
        let (row, head) = (at / values, at % values);
        let shared = match sharing {
            Sharing::Tiled => head % keys,
            Sharing::Grouped => head / (values / keys),
        };
        let query = &rows.queries[(row * keys + shared) * key_size..][..key_size];
        let key = &rows.keys[(row * keys + shared) * key_size..][..key_size];
        let value = &rows.values[at * value_size..][..value_size];
        let (kept, beta) = (exp(rows.decay[at]), rows.beta[at]);
        let state = &mut state[head * key_size * value_size..][..key_size * value_size];
        for v in 0..value_size {
            let mut known = 0.0f32;
            for k in 0..key_size {
                state[k * value_size + v] *= kept;
                known = state[k * value_size + v].mul_add(key[k], known);
            }
            let correction = (value[v] - known) * beta;
            let mut read = 0.0f32;
            for k in 0..key_size {
                state[k * value_size + v] = key[k].mul_add(correction, state[k * value_size + v]);
                read = state[k * value_size + v].mul_add(query[k], read);
            }
            out[v] = scale * read;
        }
    }
}
