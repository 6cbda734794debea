//! The selective scan (clause D6; Gu and Dao, arXiv 2312.00752), row by row.

use crate::functions::{exp, fma};

/// Rows of one sequence.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// Inputs, times their steps: `[rows][channels]`.
    pub x: &'a [f32],
    /// Lengths of the steps, `[rows][channels]`.
    pub steps: &'a [f32],
    /// Share of an input that each number takes, `[rows][numbers]`.
    pub keys: &'a [f32],
    /// Share of each number in the output, `[rows][numbers]`.
    pub queries: &'a [f32],
    /// Logarithms of the share that is kept in a step of 1: `[channels][numbers]`.
    pub rates: &'a [f32],
}

/// Moves `state`, `[channels][numbers]`, on from row to row, and reads it. `numbers`: of each channel; `out`:
/// `[rows][channels]`.
pub fn selective_scan(rows: &Scan<'_>, numbers: usize, state: &mut [f32], out: &mut [f32]) {
    let channels = rows.rates.len() / numbers;
    for (at, out) in out.iter_mut().enumerate() {
        let (row, channel) = (at / channels, at % channels);
        let mut read = 0.0f32;
        for n in 0..numbers {
            let number = &mut state[channel * numbers + n];
            *number *= exp(rows.steps[at] * rows.rates[channel * numbers + n]);
            *number = fma(rows.keys[row * numbers + n], rows.x[at], *number);
            read = fma(*number, rows.queries[row * numbers + n], read);
        }
        *out = read;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::{Numbers, Style};

    const ROWS: usize = 7;
    const CHANNELS: usize = 5;
    const NUMBERS: usize = 4;

    #[test]
    fn is_the_sum_over_earlier_rows_of_what_has_been_kept_of_them() {
        let mut numbers = Numbers::new(5);
        let mut make = |count: usize| numbers.activations(count, Style::Usual);
        let [x, steps] = [(); 2].map(|()| make(ROWS * CHANNELS));
        let [keys, queries] = [(); 2].map(|()| make(ROWS * NUMBERS));
        let steps: Vec<f32> = steps.iter().map(|x| x.abs()).collect();
        let rates: Vec<f32> = make(CHANNELS * NUMBERS).iter().map(|x| -x.abs()).collect();
        let (mut state, mut out) = (vec![0.0; CHANNELS * NUMBERS], vec![f32::NAN; ROWS * CHANNELS]);
        let scan = Scan { x: &x, steps: &steps, keys: &keys, queries: &queries, rates: &rates };
        selective_scan(&scan, NUMBERS, &mut state, &mut out);
        for row in 0..ROWS {
            for c in 0..CHANNELS {
                let of = |earlier: usize, n: usize| {
                    let time: f64 = (earlier + 1..=row).map(|t| f64::from(steps[t * CHANNELS + c])).sum();
                    let kept = (time * f64::from(rates[c * NUMBERS + n])).exp();
                    kept * f64::from(keys[earlier * NUMBERS + n]) * f64::from(x[earlier * CHANNELS + c])
                };
                let number = |n: usize| (0..=row).map(|earlier| of(earlier, n)).sum::<f64>();
                let truth: f64 = (0..NUMBERS).map(|n| number(n) * f64::from(queries[row * NUMBERS + n])).sum();
                assert!((f64::from(out[row * CHANNELS + c]) - truth).abs() < 1e-4, "{row}, {c}: not {truth}");
            }
        }
    }
}
