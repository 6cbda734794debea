//! The exponential function.

use super::Real;

/// Adding and subtracting 1.5 * 2^23 rounds a number of magnitude below 2^22 to the nearest whole one, ties to even.
const ROUND: f32 = 12_582_912.0;

/// ln 2 in two parts: the first has 15 trailing zero bits, so that its product with any exponent is exact.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

/// Above this every result is an infinity, below [`LOWEST`] zero.
const HIGHEST: f32 = 89.0;
const LOWEST: f32 = -104.0;

/// Coefficients of e^r on |r| <= ln 2 / 2, highest power first (the Taylor series' own up to the fourth power, the
/// upper three fitted to the interval).
const COEFFICIENTS: [f32; 6] = [1.987_569_1e-4, 1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5];

/// `e^x`, within 1.5 ulp; exact at 0, +infinity above 88.73, 0 below -103.98, NaN for NaN.
///
/// `x = n ln 2 + r`; `e^r` by a polynomial of degree 7; then its product with `2^n`, rounded once where it is subnormal.
#[inline(always)]
pub fn exp<R: Real>(x: R) -> R {
    let c = |value: f32| x.constant(value);
    // The bound stands on the left, so that a NaN passes.
    let x = c(HIGHEST).min(c(LOWEST).max(x));
    let n = x.fma(c(std::f32::consts::LOG2_E), c(ROUND)).sub(c(ROUND));
    let r = n.fma(c(-LN2_HIGH), x);
    let r = n.fma(c(-LN2_LOW), r);
    exp_less_one(r).add(c(1.0)).times_power_of_two(n)
}

/// Largest magnitude, about, for which [`exp_less_one`] is meant: half of ln 2.
pub(super) const EXACT_WITHIN: f32 = 0.346_573_6;

/// `e^r - 1` for small `r`.
#[inline(always)]
pub(super) fn exp_less_one<R: Real>(r: R) -> R {
    let c = |value: f32| r.constant(value);
    let mut polynomial = c(COEFFICIENTS[0]);
    polynomial = polynomial.fma(r, c(COEFFICIENTS[1]));
    polynomial = polynomial.fma(r, c(COEFFICIENTS[2]));
    polynomial = polynomial.fma(r, c(COEFFICIENTS[3]));
    polynomial = polynomial.fma(r, c(COEFFICIENTS[4]));
    polynomial = polynomial.fma(r, c(COEFFICIENTS[5]));
    polynomial.fma(r.mul(r), r)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_the_stated_error_everywhere() {
        let mut worst = 0.0f64;
        let mut check = |x: f32| {
            let truth = libm::exp(f64::from(x));
            let found = f64::from(exp(x));
            let nearest = truth as f32;
            if nearest.is_infinite() || nearest == 0.0 {
                assert_eq!(found as f32, nearest, "exp({x})");
                return;
            }
            let ulp = f64::from(f32::from_bits(nearest.to_bits() + 1)) - f64::from(nearest);
            let error = (found - truth).abs() / ulp;
            assert!(error <= 1.5, "exp({x}) = {found}, not {truth}: {error} ulp");
            worst = worst.max(error);
        };
        for i in -1_060_000..900_000 {
            check(i as f32 * 1.0e-4);
        }
        for bits in (0..0x7f80_0000u32).step_by(10_007) {
            check(f32::from_bits(bits));
            check(-f32::from_bits(bits));
        }
        println!("worst error of exp: {worst} ulp");
    }

    #[test]
    fn special_values() {
        assert_eq!(exp(0.0f32), 1.0);
        assert_eq!(exp(-0.0f32), 1.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }
}
