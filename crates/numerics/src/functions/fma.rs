//! Clause B1: a product and a sum with one rounding.

/// True if `f32::mul_add` rounds once: the processor has the instruction whenever the program runs, or the C library is one whose
/// `fmaf` is right. Those of MinGW and musl are not: the first rounds some results twice, the second some subnormal ones.
const STANDARD_IS_RIGHT: bool = cfg!(any(
    target_feature = "fma",
    target_arch = "aarch64",
    target_arch = "loongarch64",
    target_arch = "powerpc64",
    target_arch = "riscv64",
    target_arch = "s390x",
    all(target_os = "linux", target_env = "gnu"),
));

/// `a * b + c`, rounded once, on every target.
#[inline(always)]
#[expect(clippy::disallowed_methods, reason = "the one place that knows where it is right")]
pub fn fma(a: f32, b: f32, c: f32) -> f32 {
    if STANDARD_IS_RIGHT { a.mul_add(b, c) } else { by_f64(a, b, c) }
}

/// The same in f64, whose sum is rounded to odd: where it is inexact its last bit is set, so that what lies beside the middle of
/// two f32 stays beside it when it is rounded again (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums").
#[inline(always)]
fn by_f64(a: f32, b: f32, c: f32) -> f32 {
    // Exact: 48 bits, and no exponent that f64 has not.
    let product = f64::from(a) * f64::from(b);
    let c = f64::from(c);
    let sum = product + c;
    // Exact error of the sum (Knuth's TwoSum); a NaN beside an infinity or a NaN, for which no comparison holds.
    let seen = sum - product;
    let error = (product - (sum - seen)) + (c - seen);
    let is_inexact = error.abs() > 0.0;
    let is_too_far = (error < 0.0 && sum > 0.0) || (error > 0.0 && sum < 0.0);
    // Towards zero, then the last bit.
    f64::from_bits((sum.to_bits() - u64::from(is_too_far)) | u64::from(is_inexact)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole number of 2^-298, the unit of products of two f32, in two's complement: wide enough for all of them.
    #[derive(Clone, Copy)]
    struct Exact([u64; 10]);

    const UNIT: i32 = -298;

    impl Exact {
        /// `factor * 2^exponent`.
        fn new(factor: i64, exponent: i32) -> Self {
            let (places, magnitude) = ((exponent - UNIT) as usize, u128::from(factor.unsigned_abs()));
            let mut words = [0; 10];
            let shifted = magnitude << (places % 64);
            words[places / 64] = shifted as u64;
            words[places / 64 + 1] = (shifted >> 64) as u64;
            if factor < 0 { Self(words).negated() } else { Self(words) }
        }

        fn negated(self) -> Self {
            Self(self.0.map(|word| !word)).plus(Self(std::array::from_fn(|i| u64::from(i == 0))))
        }

        fn plus(self, other: Self) -> Self {
            let mut carry = 0;
            Self(std::array::from_fn(|i| {
                let sum = u128::from(self.0[i]) + u128::from(other.0[i]) + carry;
                carry = sum >> 64;
                sum as u64
            }))
        }

        fn is_negative(self) -> bool {
            self.0[9] >> 63 == 1
        }

        fn bit(self, at: i32) -> bool {
            at >= 0 && self.0[at as usize / 64] >> (at % 64) & 1 == 1
        }

        /// Rounded to nearest, ties to even; it is not 0.
        fn rounded(self) -> f32 {
            let magnitude = if self.is_negative() { self.negated() } else { self };
            let highest = (0..640).rev().find(|&at| magnitude.bit(at)).expect("not 0");
            // The last bit that an f32 of this magnitude has: 24 below the highest, and none below 2^-149.
            let last = (highest - 23).max(-149 - UNIT);
            let mut kept = (last..=highest).rev().fold(0_u32, |kept, at| kept << 1 | u32::from(magnitude.bit(at)));
            let above_middle = (0..last - 1).any(|at| magnitude.bit(at)) || kept & 1 == 1;
            kept += u32::from(magnitude.bit(last - 1) && above_middle);
            let scale = 2_f64.powi(last + UNIT);
            let value = (f64::from(kept) * scale) as f32;
            if self.is_negative() { -value } else { value }
        }
    }

    /// Factor and exponent of a finite number.
    fn parts(x: f32) -> (i64, i32) {
        let (fraction, exponent) = (i64::from(x.to_bits() & 0x7f_ffff), (x.to_bits() >> 23 & 0xff) as i32);
        let magnitude = if exponent == 0 { fraction } else { fraction | 0x80_0000 };
        (if x.is_sign_negative() { -magnitude } else { magnitude }, exponent.max(1) - 150)
    }

    fn exactly(a: f32, b: f32, c: f32) -> f32 {
        let special = f64::from(a) * f64::from(b) + f64::from(c);
        if !special.is_finite() || special == 0.0 {
            // Infinities and NaNs; the sign of zero, which f64 gives as f32 does: no sum of these is rounded to it.
            return special as f32;
        }
        let ((a, p), (b, q), (c, r)) = (parts(a), parts(b), parts(c));
        Exact::new(a * b, p + q).plus(Exact::new(c, r)).rounded()
    }

    fn check(a: f32, b: f32, c: f32) {
        let right = exactly(a, b, c);
        for (name, found) in [("fma", fma(a, b, c)), ("by_f64", by_f64(a, b, c))] {
            let is_same = found.to_bits() == right.to_bits() || (found.is_nan() && right.is_nan());
            assert!(is_same, "{name}({a:e}, {b:e}, {c:e}) = {found:e}, not {right:e}");
        }
    }

    #[test]
    fn numbers_at_the_edges() {
        let (one, most, least) = (1.0, f32::MAX, f32::from_bits(1));
        let beside = 1.0 + f32::EPSILON;
        let normal = f32::MIN_POSITIVE;
        let below = f32::from_bits(normal.to_bits() - 1);
        let all = [
            0.0,
            least,
            below,
            normal,
            0.5,
            one - f32::EPSILON / 2.0,
            one,
            beside,
            2.0,
            3.0,
            1.0e-20,
            1.5e-23,
            8_388_609.0,
            16_777_215.0,
            2_f32.powi(-75),
            2_f32.powi(-24),
            2_f32.powi(-100),
            2_f32.powi(127),
            most,
            f32::INFINITY,
            f32::NAN,
        ];
        let all: Vec<f32> = all.into_iter().flat_map(|x| [x, -x]).collect();
        for &a in &all {
            for &b in &all {
                for &c in &all {
                    check(a, b, c);
                }
            }
        }
    }

    /// A product of `c`'s half unit in the last place and a little more or less than one: f64 rounds the sum to the middle.
    #[test]
    fn numbers_beside_the_middle() {
        for c in [1.0_f32, 1.0 + f32::EPSILON, 1.999, 3.0e20, 1.0e-30, 1.0e-38, 2.0e-38, 1.0e-40, 7.0e-45] {
            let exponent = parts(c).1;
            for a in [1.0 + f32::EPSILON, 1.0 + 4.0 * f32::EPSILON, 1.0] {
                for b in [1.0 - f32::EPSILON, 1.0, 1.0 + f32::EPSILON] {
                    // Half a unit, in two factors that f32 has.
                    let (first, second) = ((exponent - 1) / 2, (exponent - 1) - (exponent - 1) / 2);
                    let (a, b) = (a * 2_f32.powi(first), b * 2_f32.powi(second));
                    for c in [c, f32::from_bits(c.to_bits() ^ 1)] {
                        [(a, c), (-a, c), (a, -c), (-a, -c)].into_iter().for_each(|(a, c)| check(a, b, c));
                    }
                }
            }
        }
    }

    #[test]
    fn drawn_numbers() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 32) as u32
        };
        for _ in 0..200_000 {
            let [a, b, c] = [draw(), draw(), draw()].map(f32::from_bits);
            check(a, b, c);
            // A sum whose terms are of like magnitude, of few bits: there ties are.
            let short = |x: f32| f32::from_bits(x.to_bits() & 0xffff_f000);
            let product = short(a) * short(b);
            let near =
                f32::from_bits((product.to_bits() ^ (c.to_bits() & 0x80ff_ffff)).wrapping_add((draw() % 3) << 23));
            check(short(a), short(b), near);
            check(a, b, near);
            // Products around the subnormal numbers.
            let tiny = f32::from_bits(c.to_bits() & 0x81ff_ffff);
            check(f32::from_bits(a.to_bits() & 0x9fff_ffff), f32::from_bits(b.to_bits() & 0xbfff_ffff), tiny);
        }
    }
}
