//! An array of 16 f32 as lanes.

use std::array::from_fn;

use hefu_numerics::functions::Real;
use hefu_numerics::half::{bf16_to_f32, f16_to_f32, f32_to_f16};

use crate::generic::lanes::{F32x16, LANES};

/// Sixteen f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct Array([f32; LANES]);

macro_rules! each {
    ($($name:ident($($argument:ident),*);)*) => {
        $(#[inline(always)]
        fn $name(self, $($argument: Self),*) -> Self {
            Array(from_fn(|i| Real::$name(self.0[i], $($argument.0[i]),*)))
        })*
    };
}

impl Real for Array {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        Array([value; LANES])
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

// SAFETY: there are no instructions that a machine could lack.
unsafe impl F32x16 for Array {
    const TOGETHER: usize = 1;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        Array([value; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the pointer is valid for what this touches.
        Array(unsafe { from.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the pointer is valid for what this touches.
        Array(unsafe { from.cast::<[u16; LANES]>().read_unaligned() }.map(f16_to_f32))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the pointer is valid for what this touches.
        Array(unsafe { from.cast::<[u16; LANES]>().read_unaligned() }.map(bf16_to_f32))
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the pointer is valid for what this touches.
        Array(unsafe { from.cast::<[i8; LANES]>().read_unaligned() }.map(f32::from))
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { to.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { to.cast::<[u16; LANES]>().write_unaligned(self.0.map(f32_to_f16)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_have_the_bits_of_the_scalar_function() {
        // SAFETY: there are no instructions that a machine could lack.
        unsafe { crate::generic::lanes::tests::check_exponentials::<Array>() }
    }
}
