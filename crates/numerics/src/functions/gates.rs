//! The smooth steps of feed-forward blocks.

use super::exp::{EXACT_WITHIN, exp_less_one};
use super::{Real, exp};
use crate::program::Activation;

/// `1 / (1 + e^-x)`, within 2.5 ulp where the result is normal.
#[inline(always)]
pub fn sigmoid<R: Real>(x: R) -> R {
    let one = x.constant(1.0);
    one.div(one.add(exp(x.neg())))
}

/// `x / (1 + e^-x)`, that is `x * sigmoid(x)` with one rounding less.
#[inline(always)]
pub fn silu<R: Real>(x: R) -> R {
    x.div(x.constant(1.0).add(exp(x.neg())))
}

/// The tanh form of GELU (Hendrycks and Gimpel, arXiv 1606.08415):
/// `x / (1 + e^(-2 u))` with `u = sqrt(2 / pi) * (x + 0.044715 x^3)`, which equals `x / 2 * (1 + tanh(u))`.
#[inline(always)]
pub fn gelu<R: Real>(x: R) -> R {
    // -2 sqrt(2 / pi) and that times 0.044715.
    let (linear, cubic) = (x.constant(-1.595_769_2), x.constant(-7.135_481_6e-2));
    let exponent = x.mul(x.mul(x).fma(cubic, linear));
    x.div(x.constant(1.0).add(exp(exponent)))
}

/// The hyperbolic tangent, within 3 ulp.
///
/// Below 0.625 an odd polynomial; above, `1 - 2 / (e^(2 |x|) + 1)` with the sign put back.
#[inline(always)]
pub fn tanh<R: Real>(x: R) -> R {
    let c = |value: f32| x.constant(value);
    let magnitude = x.abs();
    let square = x.mul(x);
    let mut small = c(-5.704_988_7e-3);
    small = small.fma(square, c(2.063_909e-2));
    small = small.fma(square, c(-5.373_971_6e-2));
    small = small.fma(square, c(1.333_144_2e-1));
    small = small.fma(square, c(-3.333_328e-1));
    let small = small.mul(square).fma(x, x);
    let one = c(1.0);
    let large = one.sub(c(2.0).div(exp(magnitude.add(magnitude)).add(one)));
    let large = x.if_less(c(0.0), large.neg(), large);
    magnitude.if_less(c(0.625), small, large)
}

/// `ln(1 + e^x)`, within 3 ulp where the result is normal.
///
/// `max(x, 0) + ln(1 + y)` with `y = e^-|x|`; that logarithm is `2 artanh(s)` with `s = y / (y + 2)`, at most 1/3: an odd
/// polynomial.
#[inline(always)]
pub fn softplus<R: Real>(x: R) -> R {
    let c = |value: f32| x.constant(value);
    let y = exp(x.abs().neg());
    let s = y.div(y.add(c(2.0)));
    let square = s.mul(s);
    let mut polynomial = c(1.382_836e-1);
    polynomial = polynomial.fma(square, c(1.404_187_9e-1));
    polynomial = polynomial.fma(square, c(2.000_781_1e-1));
    polynomial = polynomial.fma(square, c(3.333_327_2e-1));
    let twice = s.add(s);
    // The number stands on the left, so that a NaN gives zero here and stays in the other part.
    x.max(c(0.0)).add(polynomial.mul(square).fma(twice, twice))
}

/// The error function's form of GELU, `x * (1 + erf(x / sqrt(2))) / 2`, within `2^-21 * |x|` (Abramowitz and Stegun,
/// 7.1.26).
#[inline(always)]
pub fn gelu_erf<R: Real>(x: R) -> R {
    let c = |value: f32| x.constant(value);
    let z = x.abs().mul(c(7.071_068e-1));
    let t = c(1.0).div(z.fma(c(3.275_911e-1), c(1.0)));
    // Half of each coefficient: what is wanted is half of the complement.
    let mut polynomial = c(5.307_027e-1);
    polynomial = polynomial.fma(t, c(-7.265_76e-1));
    polynomial = polynomial.fma(t, c(7.107_069e-1));
    polynomial = polynomial.fma(t, c(-1.422_484e-1));
    polynomial = polynomial.fma(t, c(1.274_148e-1));
    let outside = polynomial.mul(t).mul(exp(z.mul(z).neg()));
    x.mul(x.if_less(c(0.0), outside, c(1.0).sub(outside)))
}

/// `max(x, 0)`; a NaN stays.
#[inline(always)]
pub fn relu<R: Real>(x: R) -> R {
    x.if_less(x.constant(0.0), x.constant(0.0), x)
}

/// The exponential linear unit (arXiv 1511.07289): `x`, and below 0 `e^x - 1`, within 2.5 ulp.
#[inline(always)]
pub fn elu<R: Real>(x: R) -> R {
    let below = x.if_less(x.constant(0.0), x, x.constant(0.0));
    let one = x.constant(1.0);
    // Near 0 the difference would lose what makes it.
    let small = below.abs().if_less(x.constant(EXACT_WITHIN), exp_less_one(below), exp(below).sub(one));
    x.if_less(x.constant(0.0), small, x)
}

/// At most `bound`; a NaN stays.
#[inline(always)]
fn at_most<R: Real>(x: R, bound: f32) -> R {
    let bound = x.constant(bound);
    bound.if_less(x, bound, x)
}

/// Bound of [`Activation::BoundedSilu`].
const BOUND: f32 = 7.0;

/// `m / (1 + e^(-1.702 m))` with `m = min(x, 7)`.
#[inline(always)]
pub fn bounded_silu<R: Real>(x: R) -> R {
    let m = at_most(x, BOUND);
    m.div(x.constant(1.0).add(exp(m.mul(x.constant(-1.702)))))
}

/// `activation(gate) * up`.
#[inline(always)]
pub fn gate<R: Real>(activation: Activation, gate: R, up: R) -> R {
    let opened = self::activation(activation, gate);
    match activation {
        Activation::BoundedSilu => {
            let up = at_most(up, BOUND);
            let least = up.constant(-BOUND);
            opened.mul(up.if_less(least, least, up).add(up.constant(1.0)))
        }
        _ => opened.mul(up),
    }
}

/// The function that `activation` names.
#[inline(always)]
pub fn activation<R: Real>(activation: Activation, x: R) -> R {
    match activation {
        Activation::Silu => silu(x),
        Activation::Gelu => gelu(x),
        Activation::Sigmoid => sigmoid(x),
        Activation::Softplus => softplus(x),
        Activation::Tanh => tanh(x),
        Activation::GeluErf => gelu_erf(x),
        Activation::Relu => relu(x),
        Activation::SquaredRelu => {
            let x = relu(x);
            x.mul(x)
        }
        Activation::BoundedSilu => bounded_silu(x),
        Activation::Elu => elu(x),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worst(function: fn(f32) -> f32, truth: fn(f64) -> f64, from: f32, to: f32) -> f64 {
        let steps = 400_000;
        (0..=steps)
            .map(|i| {
                let x = from + (to - from) * (i as f32 / steps as f32);
                let truth = truth(f64::from(x));
                let nearest = (truth as f32).abs().max(f32::MIN_POSITIVE);
                let ulp = f64::from(f32::from_bits(nearest.to_bits() + 1)) - f64::from(nearest);
                (f64::from(function(x)) - truth).abs() / ulp
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn stay_within_the_stated_errors() {
        assert!(worst(sigmoid, |x| 1.0 / (1.0 + libm::exp(-x)), -80.0, 80.0) <= 2.5);
        assert!(worst(silu, |x| x / (1.0 + libm::exp(-x)), -80.0, 80.0) <= 2.5);
        assert!(worst(tanh, libm::tanh, -12.0, 12.0) <= 3.0);
        let truth = |x: f64| if x > 0.0 { x + libm::log1p(libm::exp(-x)) } else { libm::log1p(libm::exp(x)) };
        let found = [worst(softplus, truth, -87.0, 0.0), worst(softplus, truth, 0.0, 90.0)];
        assert!(found.into_iter().all(|worst| worst <= 3.0), "{found:?}");
        let truth =
            |x: f64| x * 0.5 * (1.0 + libm::tanh((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x)));
        // The cubic's rounding is magnified by the exponential in the far tail; near the centre it is small.
        assert!(worst(gelu, truth, -2.0, 6.0) <= 6.0);
    }

    #[test]
    fn gelu_by_the_error_function_stays_within_the_stated_error() {
        for i in -400_000..=400_000 {
            let x = i as f32 / 30_000.0;
            let truth = f64::from(x) * 0.5 * (1.0 + libm::erf(f64::from(x) / std::f64::consts::SQRT_2));
            let error = (f64::from(gelu_erf(x)) - truth).abs();
            assert!(error <= f64::from(x.abs()) / 2_097_152.0, "{x}: {error}");
        }
    }

    #[test]
    fn elu_stays_within_the_stated_error() {
        let truth = |x: f64| if x < 0.0 { libm::expm1(x) } else { x };
        let found = [worst(elu, truth, -100.0, 10.0), worst(elu, truth, -1.0, 0.0), worst(elu, truth, -1e-3, 0.0)];
        assert!(found.into_iter().all(|worst| worst <= 2.5), "{found:?}");
        assert!(elu(f32::NAN).is_nan());
        assert_eq!(
            (elu(-0.0f32).to_bits(), elu(f32::INFINITY), elu(f32::NEG_INFINITY)),
            (1 << 31, f32::INFINITY, -1.0)
        );
    }

    #[test]
    fn bounded_silu_bounds_both_sides() {
        let by = |gate: f32, up: f32| super::gate(Activation::BoundedSilu, gate, up);
        assert_eq!((by(9.0, 3.0), by(7.0, 9.0), by(2.0, -9.0)), (by(7.0, 3.0), by(7.0, 7.0), by(2.0, -7.0)));
        let expected = 2.0 / (1.0 + libm::exp(-1.702 * 2.0)) * 1.5;
        assert!((f64::from(by(2.0, 0.5)) - expected).abs() < 1e-6);
        assert!(by(f32::NAN, 1.0).is_nan() && by(1.0, f32::NAN).is_nan());
    }

    #[test]
    fn special_values() {
        assert!([relu, gelu_erf, bounded_silu].into_iter().all(|function: fn(f32) -> f32| function(f32::NAN).is_nan()));
        assert_eq!((relu(-1.0f32), relu(2.0f32), gelu_erf(-200.0f32), gelu_erf(200.0f32)), (0.0, 2.0, -0.0, 200.0));
        assert_eq!(silu(f32::NEG_INFINITY).to_bits() & 0x7fff_ffff, f32::NAN.to_bits());
        assert!(tanh(f32::NAN).is_nan() && gelu(f32::NAN).is_nan() && sigmoid(f32::NAN).is_nan());
        assert!(softplus(f32::NAN).is_nan());
        let ends = [f32::NEG_INFINITY, -200.0, 200.0, f32::INFINITY].map(softplus);
        assert_eq!(ends, [0.0, 0.0, 200.0, f32::INFINITY]);
        assert_eq!((tanh(40.0f32), tanh(-40.0f32), sigmoid(-200.0f32)), (1.0, -1.0, 0.0));
    }
}
