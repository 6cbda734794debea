//! Rotary position embedding: frequencies and tables.
//!
//! Su et al., "RoFormer" (arXiv 2104.09864). Frequencies and angles are f64; cosine and sine are taken in f64 by a
//! pure-Rust library and rounded once to f32, so that every machine has the same table.

/// One head's frequencies: the angle of pair `i` at position `p` is `p * frequencies[i]` radians.
#[derive(Debug, Clone, PartialEq)]
pub struct Frequencies {
    /// Radians per position, one per pair.
    pub per_pair: Vec<f64>,
    /// Factor of cosine and sine (YaRN's attention factor), 1 otherwise.
    pub magnitude: f64,
}

impl Frequencies {
    /// `base^(-2 i / rotated)` for each pair `i` of a head with `rotated` rotated elements.
    pub fn plain(base: f64, rotated: usize) -> Self {
        let exponent = |i: usize| -2.0 * i as f64 / rotated as f64;
        Frequencies { per_pair: (0..rotated / 2).map(|i| libm::pow(base, exponent(i))).collect(), magnitude: 1.0 }
    }

    /// Fills the row of the table for `position`: cosine and sine of every pair.
    pub fn fill_row(&self, position: usize, cosines: &mut [f32], sines: &mut [f32]) {
        for ((frequency, to_cosine), to_sine) in self.per_pair.iter().zip(cosines).zip(sines) {
            let (sine, cosine) = libm::sincos(position as f64 * frequency);
            *to_cosine = (cosine * self.magnitude) as f32;
            *to_sine = (sine * self.magnitude) as f32;
        }
    }
}
