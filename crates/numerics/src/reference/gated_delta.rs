//! The gated delta rule (clause D4; Yang, Kautz and Hatamizadeh, arXiv 2412.06464), token by token, and what it is without
//! the correction (clause D5; Dao and Gu, arXiv 2405.21060).

use crate::functions::{exp, fma};
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
    /// Strength of the correction of values, `[rows][value heads]`; none where there is none.
    pub beta: Option<&'a [f32]>,
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
        let (kept, beta) = (exp(rows.decay[at]), rows.beta.map(|beta| beta[at]));
        let state = &mut state[head * key_size * value_size..][..key_size * value_size];
        for v in 0..value_size {
            let mut known = 0.0f32;
            for k in 0..key_size {
                state[k * value_size + v] *= kept;
                known = fma(state[k * value_size + v], key[k], known);
            }
            let correction = beta.map_or(value[v], |beta| (value[v] - known) * beta);
            let mut read = 0.0f32;
            for k in 0..key_size {
                state[k * value_size + v] = fma(key[k], correction, state[k * value_size + v]);
                read = fma(state[k * value_size + v], query[k], read);
            }
            out[v] = scale * read;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Numbers, Style};

    const ROWS: usize = 9;
    const KEY: usize = 6;
    const VALUE: usize = 5;

    /// The paper's form, in f64, one head: `S = exp(g) (I - β κ κᵀ) S + β κ vᵀ`, read as `Sᵀ q`.
    fn textbook(q: &[f32], k: &[f32], v: &[f32], decay: &[f32], beta: &[f32]) -> Vec<f64> {
        let mut state = [[0.0f64; VALUE]; KEY];
        let mut out = Vec::new();
        for row in 0..ROWS {
            let (key, value) = (&k[row * KEY..][..KEY], &v[row * VALUE..][..VALUE]);
            let (kept, beta) = (f64::from(decay[row]).exp(), f64::from(beta[row]));
            let before = state;
            for (i, line) in state.iter_mut().enumerate() {
                for (j, x) in line.iter_mut().enumerate() {
                    let along: f64 = (0..KEY).map(|l| f64::from(key[l]) * before[l][j]).sum();
                    let projected = before[i][j] - beta * f64::from(key[i]) * along;
                    *x = kept * projected + beta * f64::from(key[i]) * f64::from(value[j]);
                }
            }
            let query = &q[row * KEY..][..KEY];
            out.extend((0..VALUE).map(|j| (0..KEY).map(|i| state[i][j] * f64::from(query[i])).sum::<f64>()));
        }
        out
    }

    #[test]
    fn without_a_correction_values_are_added_as_they_are() {
        let mut numbers = Numbers::new(5);
        let mut rows = |width: usize| numbers.activations(ROWS * width, Style::Usual);
        let ([q, k, v], decay) =
            ([KEY, KEY, VALUE].map(&mut rows), rows(1).iter().map(|x| -x.abs()).collect::<Vec<f32>>());
        let heads = DeltaHeads { keys: 1, values: 1, key_size: KEY, value_size: VALUE, sharing: Sharing::Grouped };
        let (mut state, mut out) = (vec![0.0; KEY * VALUE], vec![f32::NAN; ROWS * VALUE]);
        let delta = Delta { queries: &q, keys: &k, values: &v, decay: &decay, beta: None };
        gated_delta(&delta, &heads, 1.0, &mut state, &mut out);
        // The sum over earlier rows of what they weigh, times what has been kept of them since.
        for row in 0..ROWS {
            for j in 0..VALUE {
                let of = |earlier: usize| {
                    let dot: f64 =
                        (0..KEY).map(|i| f64::from(q[row * KEY + i]) * f64::from(k[earlier * KEY + i])).sum();
                    let kept: f64 = decay[earlier + 1..=row].iter().map(|x| f64::from(*x)).sum();
                    kept.exp() * dot * f64::from(v[earlier * VALUE + j])
                };
                let truth: f64 = (0..=row).map(of).sum();
                assert!((f64::from(out[row * VALUE + j]) - truth).abs() < 1e-4, "{row}, {j}: not {truth}");
            }
        }
    }

    /// One head's part of every row.
    fn head(rows: &[f32], heads: usize, head: usize) -> Vec<f32> {
        let size = rows.len() / ROWS / heads;
        rows.chunks_exact(size).skip(head).step_by(heads).flatten().copied().collect()
    }

    #[test]
    fn is_the_rule_of_the_paper_with_keys_shared_as_said() {
        let (keys, values) = (2, 4);
        let mut numbers = Numbers::new(3);
        let mut rows = |width: usize| numbers.activations(ROWS * width, Style::Usual);
        let [q, k, v] =
            [keys * KEY, keys * KEY, values * VALUE].map(&mut rows).map(|x| x.iter().map(|x| x / 4.0).collect());
        let [q, k, v]: [Vec<f32>; 3] = [q, k, v];
        let decay: Vec<f32> = rows(values).iter().map(|x| -x.abs()).collect();
        let beta: Vec<f32> = rows(values).iter().map(|x| x.abs() / 3.0).collect();
        for (sharing, shared) in [(Sharing::Tiled, [0, 1, 0, 1]), (Sharing::Grouped, [0, 0, 1, 1])] {
            let heads = DeltaHeads { keys, values, key_size: KEY, value_size: VALUE, sharing };
            let mut state = vec![0.0; values * KEY * VALUE];
            let mut out = vec![f32::NAN; ROWS * values * VALUE];
            let delta = Delta { queries: &q, keys: &k, values: &v, decay: &decay, beta: Some(&beta) };
            gated_delta(&delta, &heads, 1.0, &mut state, &mut out);
            for (value_head, key_head) in shared.into_iter().enumerate() {
                let [q, k] = [&q, &k].map(|rows| head(rows, keys, key_head));
                let [v, decay, beta] = [&v, &decay, &beta].map(|rows| head(rows, values, value_head));
                let truth = textbook(&q, &k, &v, &decay, &beta);
                for (found, truth) in head(&out, values, value_head).iter().zip(truth) {
                    assert!((f64::from(*found) - truth).abs() < 1e-6, "{sharing:?}: {found}, not {truth}");
                }
            }
        }
    }
}
