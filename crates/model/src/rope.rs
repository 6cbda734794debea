//! Frequencies of rotary position embedding under the scalings that extend a model's context.
//!
//! With `f_i = base^(-2 i / rotated) / factor_i` for pair `i` (factors only where the file brings them: Llama 3.1's
//! frequency factors, LongRoPE's short or long ones):
//!
//! * linear (Chen et al., arXiv 2306.15595): `f_i / s`;
//! * YaRN (Peng et al., arXiv 2309.00071): `f_i / s * (1 - r_i) + f_i * r_i`, where `r_i` falls from 1 to 0 between the
//!   pairs that turn `beta_fast` and `beta_slow` times within the original context; cosine and sine are multiplied by
//!   `0.1 ln(s) + 1`.
//!
//! All of it is f64; [`Frequencies::fill_row`] rounds once.

use hefu_numerics::rope::Frequencies;

/// A rotation as metadata describe it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rope {
    /// Rotated elements of a head; even.
    pub rotated: usize,
    /// Base of the frequencies.
    pub base: f64,
    /// Scaling of positions.
    pub scaling: Scaling,
    /// Factor of cosine and sine beyond what the scaling itself demands (`rope.scaling.attn_factor`).
    pub magnitude: f64,
}

/// Scaling of positions beyond the original context.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scaling {
    /// Not at all.
    None,
    /// All frequencies are divided by this factor.
    Linear(f64),
    /// Slow frequencies are divided, fast ones kept.
    Yarn(Yarn),
}

/// Parameters of YaRN.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Yarn {
    /// Factor of the longer context.
    pub factor: f64,
    /// Positions before it did.
    pub original_context: f64,
    /// Turns within the original context from which on a frequency is kept.
    pub beta_fast: f64,
    /// Turns within the original context up to which a frequency is divided.
    pub beta_slow: f64,
    /// Factor of cosine and sine, `0.1 ln(s) + 1` where the file has none.
    pub magnitude: Option<f64>,
    /// Weight of the kept frequencies, 1 in the paper.
    pub extrapolation: f64,
}

impl Rope {
    /// The frequencies of every pair; `factors` (one per pair) divide them before any scaling.
    pub fn frequencies(&self, factors: Option<&[f32]>) -> Frequencies {
        let mut frequencies = Frequencies::plain(self.base, self.rotated);
        if let Some(factors) = factors {
            for (frequency, &factor) in frequencies.per_pair.iter_mut().zip(factors) {
                *frequency /= f64::from(factor);
            }
        }
        frequencies.magnitude = self.magnitude;
        match self.scaling {
            Scaling::None => {}
            Scaling::Linear(factor) => frequencies.per_pair.iter_mut().for_each(|frequency| *frequency /= factor),
            Scaling::Yarn(yarn) => {
                let ramp = yarn.ramp(self.base, self.rotated);
                for (i, frequency) in frequencies.per_pair.iter_mut().enumerate() {
                    let kept = ramp(i) * yarn.extrapolation;
                    *frequency = *frequency / yarn.factor * (1.0 - kept) + *frequency * kept;
                }
                frequencies.magnitude *= yarn.magnitude.unwrap_or_else(|| 0.1 * libm::log(yarn.factor) + 1.0);
            }
        }
        frequencies
    }
}

impl Yarn {
    /// The share of a pair's frequency that is kept: 1 below the first bound, 0 above the second, linear between.
    fn ramp(&self, base: f64, rotated: usize) -> impl Fn(usize) -> f64 {
        // The pair, as a real number, that turns `turns` times within the original context.
        let pair = |turns: f64| {
            let wavelength = self.original_context / (turns * 2.0 * std::f64::consts::PI);
            rotated as f64 * libm::log(wavelength) / (2.0 * libm::log(base))
        };
        let low = libm::floor(pair(self.beta_fast)).max(0.0);
        let high = libm::ceil(pair(self.beta_slow)).min(rotated as f64 - 1.0);
        // A ramp of no length would divide by zero.
        let length = (high - low).max(0.001);
        move |i| 1.0 - ((i as f64 - low) / length).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rope(scaling: Scaling) -> Rope {
        Rope { rotated: 64, base: 10_000.0, scaling, magnitude: 1.0 }
    }

    #[test]
    fn linear_divides_every_frequency() {
        let plain = rope(Scaling::None).frequencies(None);
        let scaled = rope(Scaling::Linear(8.0)).frequencies(None);
        assert!(plain.per_pair.iter().zip(&scaled.per_pair).all(|(a, b)| a / 8.0 == *b));
        assert_eq!(scaled.magnitude, 1.0);
    }

    #[test]
    fn factors_divide_before_scaling() {
        let factors: Vec<f32> = (1..=32).map(|i| i as f32).collect();
        let plain = rope(Scaling::None).frequencies(None);
        let divided = rope(Scaling::Linear(2.0)).frequencies(Some(&factors));
        assert_eq!(divided.per_pair[31], plain.per_pair[31] / 32.0 / 2.0);
    }

    #[test]
    fn yarn_keeps_fast_frequencies_and_divides_slow_ones() {
        let yarn = Yarn {
            factor: 4.0,
            original_context: 4096.0,
            beta_fast: 32.0,
            beta_slow: 1.0,
            magnitude: None,
            extrapolation: 1.0,
        };
        let plain = rope(Scaling::None).frequencies(None);
        let scaled = rope(Scaling::Yarn(yarn)).frequencies(None);
        assert_eq!(scaled.per_pair[0], plain.per_pair[0]);
        assert_eq!(scaled.per_pair[31], plain.per_pair[31] / 4.0);
        // Bounds of the ramp for these parameters: pairs 10 and 23, so that pair 15 keeps 8/13 of its frequency.
        let kept = 1.0 - 5.0 / 13.0;
        let expected = plain.per_pair[15] / 4.0 * (1.0 - kept) + plain.per_pair[15] * kept;
        assert!((scaled.per_pair[15] / expected - 1.0).abs() < 1e-15);
        assert!((scaled.magnitude - 1.138_629_436_111_989).abs() < 1e-12);
    }
}
