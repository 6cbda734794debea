//! One 512-bit register as lanes.

use std::arch::x86_64::*;

use hefu_numerics::functions::Real;

use crate::generic::lanes::F32x16;

/// Sixteen f32; a value exists only where AVX-512 does.
#[derive(Debug, Clone, Copy)]
pub(super) struct Zmm(__m512);

impl Real for Zmm {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn fma(self, factor: Self, addend: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do. The instruction gives its second operand for a NaN.
        Zmm(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do. The instruction gives its second operand for a NaN.
        Zmm(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_abs_ps(self.0) })
    }

    #[inline(always)]
    fn neg(self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_xor_ps(self.0, _mm512_set1_ps(-0.0)) })
    }

    #[inline(always)]
    fn if_less(self, bound: Self, below: Self, otherwise: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe {
            let less = _mm512_cmp_ps_mask::<_CMP_LT_OQ>(self.0, bound.0);
            _mm512_mask_blend_ps(less, otherwise.0, below.0)
        })
    }

    #[inline(always)]
    fn times_power_of_two(self, exponent: Self) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        Zmm(unsafe { _mm512_scalef_ps(self.0, exponent.0) })
    }
}

// SAFETY: only the unsafe functions make a value out of nothing.
unsafe impl F32x16 for Zmm {
    const TOGETHER: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the machine has AVX-512.
        Zmm(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        Zmm(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        Zmm(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) })
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        Zmm(unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        })
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        Zmm(unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))) })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe {
            let halves = _mm512_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self.0);
            _mm256_storeu_si256(to.cast(), halves);
        }
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        // SAFETY: `self` exists, so the instructions do.
        unsafe { _mm512_reduce_max_ps(self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")]
    unsafe fn check() {
        // SAFETY: the instructions are there.
        unsafe { crate::generic::lanes::tests::check_exponentials::<Zmm>() }
    }

    #[test]
    fn exponentials_have_the_bits_of_the_scalar_function() {
        if crate::isa::avx512::is_available() {
            // SAFETY: the machine was asked.
            unsafe { check() }
        }
    }
}
