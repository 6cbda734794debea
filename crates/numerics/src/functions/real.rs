//! The operations that elementary functions are made of.

/// One binary32 or several side by side. Every operation is IEEE-754, rounded to nearest even, subnormals kept.
///
/// A value can only be made from another one ([`Real::constant`]), so that a type for lanes of a chip can promise that
/// its values exist only where that chip's instructions do.
pub trait Real: Copy {
    /// The number `value` in every lane.
    fn constant(self, value: f32) -> Self;
    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self - other`.
    fn sub(self, other: Self) -> Self;
    /// `self * other`.
    fn mul(self, other: Self) -> Self;
    /// `self / other`.
    fn div(self, other: Self) -> Self;
    /// `self * factor + addend`, rounded once.
    fn fma(self, factor: Self, addend: Self) -> Self;
    /// `if self > other { self } else { other }`: a NaN on the left gives the right.
    fn max(self, other: Self) -> Self;
    /// `if self < other { self } else { other }`: a NaN on the left gives the right.
    fn min(self, other: Self) -> Self;
    /// The number without its sign.
    fn abs(self) -> Self;
    /// `-self`.
    fn neg(self) -> Self;
    /// `if self < bound { below } else { otherwise }`.
    fn if_less(self, bound: Self, below: Self, otherwise: Self) -> Self;
    /// `self * 2^exponent`, rounded once, for `self` from 1/2 to 2 (or a NaN) and whole exponents from -250 to 250; any
    /// other input gives an arbitrary result.
    fn times_power_of_two(self, exponent: Self) -> Self;
}

impl Real for f32 {
    #[inline(always)]
    fn constant(self, value: f32) -> f32 {
        value
    }

    #[inline(always)]
    fn add(self, other: f32) -> f32 {
        self + other
    }

    #[inline(always)]
    fn sub(self, other: f32) -> f32 {
        self - other
    }

    #[inline(always)]
    fn mul(self, other: f32) -> f32 {
        self * other
    }

    #[inline(always)]
    fn div(self, other: f32) -> f32 {
        self / other
    }

    #[inline(always)]
    fn fma(self, factor: f32, addend: f32) -> f32 {
        super::fma(self, factor, addend)
    }

    #[inline(always)]
    fn max(self, other: f32) -> f32 {
        if self > other { self } else { other }
    }

    #[inline(always)]
    fn min(self, other: f32) -> f32 {
        if self < other { self } else { other }
    }

    #[inline(always)]
    fn abs(self) -> f32 {
        f32::abs(self)
    }

    #[inline(always)]
    fn neg(self) -> f32 {
        -self
    }

    #[inline(always)]
    fn if_less(self, bound: f32, below: f32, otherwise: f32) -> f32 {
        if self < bound { below } else { otherwise }
    }

    #[inline(always)]
    fn times_power_of_two(self, exponent: f32) -> f32 {
        let exponent = exponent as i32;
        let half = exponent >> 1;
        // The first product is exact, so that a subnormal result is rounded once.
        [half, exponent - half]
            .into_iter()
            .fold(self, |x, exponent| x * f32::from_bits(((exponent + 127) as u32) << 23))
    }
}
