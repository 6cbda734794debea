//! One vector for a text: the hidden states of its positions, pooled.

use super::Pooling;
use std::ops::Range;

/// The vectors of a prompt as they come.
#[derive(Debug)]
pub(super) struct Pool {
    pooling: Pooling,
    /// Sums in the order of positions, in f64: the same however the prompt is cut.
    sums: Vec<f64>,
}

impl Pool {
    pub(super) fn new(pooling: Pooling) -> Self {
        Self { pooling, sums: Vec::new() }
    }

    /// The positions whose vectors are needed, of so many.
    pub(super) fn wanted(&self, length: usize) -> Range<usize> {
        match self.pooling {
            Pooling::Mean => 0..length,
            Pooling::First => 0..length.min(1),
            Pooling::Last => length.saturating_sub(1)..length,
        }
    }

    /// Takes the next positions' vectors: `rows` of them, all of the same width.
    pub(super) fn add(&mut self, hidden: &[f32], rows: usize) {
        let width = hidden.len() / rows.max(1);
        self.sums.resize(width, 0.0);
        for row in hidden.chunks_exact(width.max(1)) {
            self.sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
        }
    }

    /// The direction of the sum, which is that of the mean: a vector of length 1, or of zeros if all are zero.
    pub(super) fn vector(&self) -> Vec<f32> {
        let length = self.sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
        let scale = if length > 0.0 { length } else { 1.0 };
        self.sums.iter().map(|sum| (sum / scale) as f32).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_the_length_1_however_it_is_cut() {
        let hidden = [3.0, 0.0, 0.0, 4.0, 1.0, -2.0];
        let of = |pieces: &[usize]| {
            let (mut pool, mut rest) = (Pool::new(Pooling::Mean), &hidden[..]);
            for &rows in pieces {
                pool.add(&rest[..rows * 2], rows);
                rest = &rest[rows * 2..];
            }
            pool.vector()
        };
        let whole = of(&[3]);
        assert_eq!(whole, [(4.0 / 20.0_f64.sqrt()) as f32, (2.0 / 20.0_f64.sqrt()) as f32]);
        assert_eq!(of(&[1, 1, 1]), whole);
        assert_eq!(of(&[2, 1]), whole);
        assert!(Pool::new(Pooling::Last).vector().is_empty());
    }
}
