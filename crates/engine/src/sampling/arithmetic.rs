//! The two functions and the integer weight that every probability is made of (clauses S3 and S4).
//!
//! The standard library's `exp` and `ln` call the platform's mathematics library and differ between platforms, so they
//! are not used. `libm` is pure Rust; its f64 `exp` and `log` are plain additions, multiplications and divisions in a
//! fixed order on every target with SSE2, NEON or any other IEEE double unit, whatever features are on.
//!
//! Probabilities are integers in units of 2^-40 of the likeliest candidate, because integer sums are exact: the total is
//! the same in any order, so nothing has to be sorted only to be added up.

/// The weight of the likeliest candidate: 2^40.
pub(super) const WEIGHT_ONE: u64 = 1 << 40;

/// Below this exponent the weight is zero: e^-28 is less than 2^-40.
const ZERO_WEIGHT_BELOW: f32 = -28.0;

/// e^x: computed in f64 and rounded once to f32.
pub(super) fn exp(x: f32) -> f32 {
    libm::exp(f64::from(x)) as f32
}

/// The natural logarithm: computed in f64 and rounded once to f32, handed on as f64 because sums follow.
pub(super) fn ln(x: f64) -> f64 {
    f64::from(libm::log(x) as f32)
}

/// The weight of a candidate that lies `x` (zero or negative) from the likeliest one: `floor(exp(x) * 2^40)`.
pub(super) fn weight(x: f32) -> u64 {
    if x < ZERO_WEIGHT_BELOW {
        return 0;
    }
    // Exact: a multiplication by a power of two, then truncation.
    (f64::from(exp(x.min(0.0))) * WEIGHT_ONE as f64) as u64
}

/// True if the share `part / total` is at least `share`: `f64(part) >= f64(share) * f64(total)`.
pub(super) fn reaches(part: u64, share: f32, total: u64) -> bool {
    part as f64 >= f64::from(share) * total as f64
}

/// True if the share `part / total` is more than `share`: `f64(part) > f64(share) * f64(total)`.
pub(super) fn exceeds(part: u64, share: f32, total: u64) -> bool {
    part as f64 > f64::from(share) * total as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortcut_for_small_weights_changes_nothing() {
        let direct = |x: f32| (f64::from(exp(x)) * WEIGHT_ONE as f64) as u64;
        assert_eq!(direct(ZERO_WEIGHT_BELOW), 0);
        for step in 0..4000 {
            let x = step as f32 * -0.01;
            assert_eq!(weight(x), direct(x), "{x}");
        }
        assert_eq!(weight(0.0), WEIGHT_ONE);
        assert_eq!(weight(f32::NEG_INFINITY), 0);
    }

    #[test]
    fn functions_are_close_to_the_platform_and_never_above_one() {
        for step in 0..2800 {
            let x = step as f32 * -0.01;
            let expected = f64::from(x).exp();
            assert!((f64::from(exp(x)) - expected).abs() <= expected * 6.0e-8, "{x}");
            assert!(exp(x) <= 1.0);
            let y = f64::from(step + 1) * 0.37;
            assert!((ln(y) - y.ln()).abs() <= 6.0e-8 * y.ln().abs());
        }
    }

    /// A digest (FNV-1a over words) of many results: an upgrade of the library, or another chip, that changes one bit is
    /// noticed here. The digest was computed with another implementation of both functions, in f64 and rounded to f32.
    #[test]
    fn bits_are_pinned() {
        let mut digest = 0xcbf2_9ce4_8422_2325_u64;
        let mut add = |bits: u64| digest = (digest ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        for step in 0..20_000_u32 {
            add(u64::from(exp(step as f32 * -0.001_953_125).to_bits()));
            add(u64::from((ln(f64::from(step + 1) / 1024.0) as f32).to_bits()));
        }
        assert_eq!(format!("{digest:#018x}"), "0x73d1f6d66def0385");
    }
}
