//! Several sets of lanes side by side.
//!
//! An elementary function is one long chain of operations, each of which waits for the one before. A processor looks only
//! so far ahead for something else to do; here it lies next to what waits.

use hefu_numerics::functions::Real;

use super::lanes::F32x16;

/// `N` sets of lanes.
#[derive(Debug, Clone, Copy)]
pub struct Unrolled<L, const N: usize>(pub [L; N]);

macro_rules! each {
    ($($name:ident($($argument:ident),*);)*) => {
        $(#[inline(always)]
        fn $name(mut self, $($argument: Self),*) -> Self {
            // A loop, as closures are not part of a function that has more instructions.
            for i in 0..N {
                self.0[i] = self.0[i].$name($($argument.0[i]),*);
            }
            self
        })*
    };
}

impl<L: F32x16, const N: usize> Real for Unrolled<L, N> {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        const { assert!(N > 0) };
        Unrolled([self.0[0].constant(value); N])
    }

    each! {
        add(other);
        sub(other);
        mul(other);
        div(other);
        fma(factor, addend);
        max(other);
        min(other);
        abs();
        neg();
        if_less(bound, below, otherwise);
        times_power_of_two(exponent);
    }
}
