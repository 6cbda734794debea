//! The generalised delta rule of RWKV-7 (clause D8; Peng et al., arXiv 2503.14456), row by row.

use crate::functions::{exp, fma};

/// Rows of one sequence, `[rows][heads][size]` each.
#[derive(Debug, Clone, Copy)]
pub struct WkvRows<'a> {
    /// Queries, which read the state.
    pub queries: &'a [f32],
    /// Logarithms of the share of each row of the state that is kept.
    pub decay: &'a [f32],
    /// Keys under which values are stored.
    pub keys: &'a [f32],
    /// Values that are stored.
    pub values: &'a [f32],
    /// Keys whose values are removed.
    pub removal: &'a [f32],
    /// Shares of those values that are removed.
    pub rates: &'a [f32],
}

/// Moves `state`, `[heads][size][size]`, on from row to row, and reads it. `out`: `[rows][heads][size]`.
pub fn wkv7(rows: &WkvRows<'_>, heads: usize, size: usize, state: &mut [f32], out: &mut [f32]) {
    for (at, out) in out.chunks_exact_mut(size).enumerate() {
        let of = |all: &'_ [f32], i: usize| all[at * size + i];
        let state = &mut state[(at % heads) * size * size..][..size * size];
        for v in 0..size {
            let mut known = 0.0f32;
            for k in 0..size {
                known = fma(state[k * size + v], of(rows.removal, k), known);
            }
            let mut read = 0.0f32;
            for k in 0..size {
                let mut number = state[k * size + v] * exp(of(rows.decay, k));
                number = fma(of(rows.removal, k) * of(rows.rates, k), -known, number);
                number = fma(of(rows.keys, k), of(rows.values, v), number);
                state[k * size + v] = number;
                read = fma(number, of(rows.queries, k), read);
            }
            out[v] = read;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Numbers, Style};

    const ROWS: usize = 9;
    const SIZE: usize = 6;

    /// The paper's form, in f64, one head: `S = S (diag(w) - κ^T (a ⊙ κ)) + v^T k`, `S` by value and key, read as `S r`.
    fn textbook(rows: [&[f32]; 6]) -> Vec<f64> {
        let mut state = [[0.0f64; SIZE]; SIZE];
        let mut out = Vec::new();
        for row in 0..ROWS {
            let of = |which: usize, i: usize| f64::from(rows[which][row * SIZE + i]);
            let before = state;
            for (v, line) in state.iter_mut().enumerate() {
                let along: f64 = (0..SIZE).map(|k| before[v][k] * of(4, k)).sum();
                for (k, x) in line.iter_mut().enumerate() {
                    *x = before[v][k] * of(1, k).exp() - along * of(4, k) * of(5, k) + of(3, v) * of(2, k);
                }
            }
            out.extend((0..SIZE).map(|v| (0..SIZE).map(|k| state[v][k] * of(0, k)).sum::<f64>()));
        }
        out
    }

    #[test]
    fn is_the_rule_of_the_paper_in_each_head() {
        let heads = 2;
        let mut numbers = Numbers::new(3);
        let all = [(); 6].map(|()| numbers.activations(ROWS * heads * SIZE, Style::Usual));
        let mut all = all.map(|rows| rows.iter().map(|x| x / 4.0).collect::<Vec<f32>>());
        all[1].iter_mut().for_each(|x| *x = -x.abs());
        all[5].iter_mut().for_each(|x| *x = x.abs());
        let [queries, decay, keys, values, removal, rates] = all.each_ref().map(|rows| &rows[..]);
        let (mut state, mut out) = (vec![0.0; heads * SIZE * SIZE], vec![f32::NAN; ROWS * heads * SIZE]);
        let rows = WkvRows { queries, decay, keys, values, removal, rates };
        wkv7(&rows, heads, SIZE, &mut state, &mut out);
        let of = |rows: &[f32], head: usize| -> Vec<f32> {
            rows.chunks_exact(SIZE).skip(head).step_by(heads).flatten().copied().collect()
        };
        for head in 0..heads {
            let own = all.each_ref().map(|rows| of(rows, head));
            let truth = textbook(own.each_ref().map(|rows| &rows[..]));
            for (found, truth) in of(&out, head).iter().zip(truth) {
                assert!((f64::from(*found) - truth).abs() < 1e-5, "{found}, not {truth}");
            }
        }
    }
}
