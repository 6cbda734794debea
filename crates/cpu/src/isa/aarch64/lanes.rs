//! Four 128-bit registers as lanes.

use std::arch::aarch64::*;

use hefu_numerics::functions::Real;

use super::instructions::{narrow_f16, widen_f16};
use crate::generic::lanes::F32x16;
use crate::generic::unroll::unroll;

/// Sixteen f32; a value exists only where NEON does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quad(pub(super) [float32x4_t; 4]);

/// Methods of one to three operands, done on each register by a function.
macro_rules! on_each {
    ($($name:ident($($argument:ident),*) = $function:ident;)*) => {
        $(#[inline(always)]
        fn $name(mut self, $($argument: Self),*) -> Self {
            // SAFETY: `self` exists, so the instructions do.
            unroll!(i < 4 => { self.0[i] = unsafe { $function(self.0[i], $($argument.0[i]),*) }; });
            self
        })*
    };
}

impl Real for Quad {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Quad([unsafe { vdupq_n_f32(value) }; 4])
    }

    on_each! {
        add(other) = vaddq_f32;
        sub(other) = vsubq_f32;
        mul(other) = vmulq_f32;
        div(other) = vdivq_f32;
        fma(factor, addend) = fma;
        max(other) = max;
        min(other) = min;
        abs() = vabsq_f32;
        neg() = vnegq_f32;
        if_less(bound, below, otherwise) = if_less;
        times_power_of_two(exponent) = times_power_of_two;
    }
}

#[inline(always)]
unsafe fn fma(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
    // SAFETY: the machine has NEON.
    unsafe { vfmaq_f32(c, a, b) }
}

/// The instruction of this name would keep a NaN on the left.
#[inline(always)]
unsafe fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the machine has NEON.
    unsafe { vbslq_f32(vcgtq_f32(a, b), a, b) }
}

#[inline(always)]
unsafe fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t {
    // SAFETY: the machine has NEON.
    unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
}

#[inline(always)]
unsafe fn if_less(x: float32x4_t, bound: float32x4_t, below: float32x4_t, otherwise: float32x4_t) -> float32x4_t {
    // SAFETY: the machine has NEON.
    unsafe { vbslq_f32(vcltq_f32(x, bound), below, otherwise) }
}

#[inline(always)]
unsafe fn times_power_of_two(x: float32x4_t, exponent: float32x4_t) -> float32x4_t {
    // SAFETY: the machine has NEON.
    unsafe {
        let exponent = vcvtq_s32_f32(exponent);
        let half = vshrq_n_s32::<1>(exponent);
        // The first product is exact, so that a subnormal result is rounded once.
        vmulq_f32(vmulq_f32(x, power_of_two(half)), power_of_two(vsubq_s32(exponent, half)))
    }
}

#[inline(always)]
unsafe fn power_of_two(exponent: int32x4_t) -> float32x4_t {
    // SAFETY: the machine has NEON.
    unsafe { vreinterpretq_f32_s32(vshlq_n_s32::<23>(vaddq_s32(exponent, vdupq_n_s32(127)))) }
}

// SAFETY: only the unsafe functions make a value out of nothing.
unsafe impl F32x16 for Quad {
    const TOGETHER: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the machine has NEON.
        Quad([unsafe { vdupq_n_f32(value) }; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { Quad([vld1q_f32(from), vld1q_f32(from.add(4)), vld1q_f32(from.add(8)), vld1q_f32(from.add(12))]) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe {
            let [a, b] = widen_f16(vld1q_u16(from));
            let [c, d] = widen_f16(vld1q_u16(from.add(8)));
            Quad([a, b, c, d])
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { Quad(widen_bf16(from)) }
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { Quad(signed_bytes(vld1q_u8(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unroll!(i < 4 => { unsafe { vst1q_f32(to.add(i * 4), self.0[i]) }; });
    }

    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unroll!(i < 4 => { unsafe { vst1_u16(to.add(i * 4), narrow_f16(self.0[i])) }; });
    }
}

/// Sixteen bfloat16, widened.
///
/// # Safety
/// The machine has NEON; `from` is valid for reading 16 numbers.
#[inline(always)]
pub(super) unsafe fn widen_bf16(from: *const u16) -> [float32x4_t; 4] {
    // SAFETY: the machine has NEON; `from` is valid for reading 16 numbers.
    unsafe {
        let halves = [vld1q_u16(from), vld1q_u16(from.add(8))];
        let mut wide = [vdupq_n_u32(0); 4];
        unroll!(i < 2 => {
            wide[2 * i] = vshll_n_u16::<16>(vget_low_u16(halves[i]));
            wide[2 * i + 1] = vshll_high_n_u16::<16>(halves[i]);
        });
        [0, 1, 2, 3].map(|i| vreinterpretq_f32_u32(wide[i]))
    }
}

/// Byte `i` of 16 as the upper 8 bits of number `i`.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
pub(super) unsafe fn upper_bytes(bytes: uint8x16_t) -> [uint32x4_t; 4] {
    /// Places that are none give 0.
    const PLACES: [[u8; 16]; 4] = {
        let mut places = [[u8::MAX; 16]; 4];
        let mut i = 0;
        while i < 16 {
            places[i / 4][i % 4 * 4 + 3] = i as u8;
            i += 1;
        }
        places
    };
    // SAFETY: the machine has NEON; each table has 16 bytes.
    unsafe {
        let mut wide = [vdupq_n_u32(0); 4];
        unroll!(i < 4 => { wide[i] = vreinterpretq_u32_u8(vqtbl1q_u8(bytes, vld1q_u8(PLACES[i].as_ptr()))); });
        wide
    }
}

/// Sixteen signed bytes as f32: fractions of 24 bits.
///
/// # Safety
/// The machine has NEON.
#[inline(always)]
pub(super) unsafe fn signed_bytes(bytes: uint8x16_t) -> [float32x4_t; 4] {
    // SAFETY: the machine has NEON.
    unsafe {
        let wide = upper_bytes(bytes);
        let mut floats = [vdupq_n_f32(0.0); 4];
        unroll!(i < 4 => { floats[i] = vcvtq_n_f32_s32::<24>(vreinterpretq_s32_u32(wide[i])); });
        floats
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_have_the_bits_of_the_scalar_function() {
        if crate::isa::aarch64::neon::is_available() {
            // SAFETY: the machine was asked.
            unsafe { crate::generic::lanes::tests::check_exponentials::<Quad>() }
        }
    }
}
