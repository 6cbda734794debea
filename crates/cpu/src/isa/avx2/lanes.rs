//! Two 256-bit registers as lanes.

use std::arch::x86_64::*;

use hefu_numerics::functions::Real;

use crate::generic::lanes::F32x16;

/// Sixteen f32; a value exists only where AVX2 does.
#[derive(Debug, Clone, Copy)]
pub(super) struct YmmPair(__m256, __m256);

/// Methods of two or three operands that are one instruction on each half.
macro_rules! instructions {
    ($($name:ident($($argument:ident),*) = $instruction:ident;)*) => {
        $(#[inline(always)]
        fn $name(self, $($argument: Self),*) -> Self {
            // SAFETY: `self` exists, so the instructions do.
            unsafe { YmmPair($instruction(self.0, $($argument.0),*), $instruction(self.1, $($argument.1),*)) }
        })*
    };
}

impl Real for YmmPair {
    #[inline(always)]
    fn constant(self, value: f32) -> Self {
        // SAFETY: `self` exists, so the instructions do.
        let value = unsafe { _mm256_set1_ps(value) };
        YmmPair(value, value)
    }

    instructions! {
        add(other) = _mm256_add_ps;
        sub(other) = _mm256_sub_ps;
        mul(other) = _mm256_mul_ps;
        div(other) = _mm256_div_ps;
        fma(factor, addend) = _mm256_fmadd_ps;
        max(other) = _mm256_max_ps;
        min(other) = _mm256_min_ps;
        abs() = abs;
        neg() = neg;
        if_less(bound, below, otherwise) = if_less;
        times_power_of_two(exponent) = times_power_of_two;
    }
}

#[inline(always)]
unsafe fn abs(x: __m256) -> __m256 {
    // SAFETY: the machine has AVX2 and FMA.
    unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), x) }
}

#[inline(always)]
unsafe fn neg(x: __m256) -> __m256 {
    // SAFETY: the machine has AVX2 and FMA.
    unsafe { _mm256_xor_ps(_mm256_set1_ps(-0.0), x) }
}

#[inline(always)]
unsafe fn if_less(x: __m256, bound: __m256, below: __m256, otherwise: __m256) -> __m256 {
    // SAFETY: the machine has AVX2 and FMA.
    unsafe { _mm256_blendv_ps(otherwise, below, _mm256_cmp_ps::<_CMP_LT_OQ>(x, bound)) }
}

#[inline(always)]
unsafe fn times_power_of_two(x: __m256, exponent: __m256) -> __m256 {
    // SAFETY: the machine has AVX2 and FMA.
    unsafe {
        let exponent = _mm256_cvttps_epi32(exponent);
        let half = _mm256_srai_epi32::<1>(exponent);
        // The first product is exact, so that a subnormal result is rounded once.
        let x = _mm256_mul_ps(x, power_of_two(half));
        _mm256_mul_ps(x, power_of_two(_mm256_sub_epi32(exponent, half)))
    }
}

#[inline(always)]
unsafe fn power_of_two(exponent: __m256i) -> __m256 {
    // SAFETY: the machine has AVX2 and FMA.
    unsafe {
        let biased = _mm256_add_epi32(exponent, _mm256_set1_epi32(127));
        _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
    }
}

// SAFETY: only the unsafe functions make a value out of nothing.
unsafe impl F32x16 for YmmPair {
    const TOGETHER: usize = 2;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the machine has AVX2 and FMA.
        let value = unsafe { _mm256_set1_ps(value) };
        YmmPair(value, value)
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { YmmPair(_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u16) -> Self {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            let (low, high) = (_mm_loadu_si128(from.cast()), _mm_loadu_si128(from.add(8).cast()));
            YmmPair(_mm256_cvtph_ps(low), _mm256_cvtph_ps(high))
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u16) -> Self {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { YmmPair(widen_bf16(from), widen_bf16(from.add(8))) }
    }

    #[inline(always)]
    unsafe fn load_i8(from: *const i8) -> Self {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            let eight = |from: *const i8| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast())));
            YmmPair(eight(from), eight(from.add(8)))
        }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            _mm256_storeu_ps(to, self.0);
            _mm256_storeu_ps(to.add(8), self.1);
        }
    }

    #[inline(always)]
    unsafe fn store_f16(self, to: *mut u16) {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            _mm_storeu_si128(to.cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(self.0));
            _mm_storeu_si128(to.add(8).cast(), _mm256_cvtps_ph::<_MM_FROUND_TO_NEAREST_INT>(self.1));
        }
    }
}

/// Eight bfloat16, widened.
///
/// # Safety
/// The machine has AVX2; `from` is valid for reading 8 numbers.
#[inline(always)]
pub(super) unsafe fn widen_bf16(from: *const u16) -> __m256 {
    // SAFETY: the machine has AVX2; `from` is valid for reading 8 numbers.
    unsafe { _mm256_castsi256_ps(_mm256_slli_epi32::<16>(_mm256_cvtepu16_epi32(_mm_loadu_si128(from.cast())))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[target_feature(enable = "avx2,fma,f16c")]
    unsafe fn check() {
        // SAFETY: the instructions are there.
        unsafe { crate::generic::lanes::tests::check_exponentials::<YmmPair>() }
    }

    #[test]
    fn exponentials_have_the_bits_of_the_scalar_function() {
        if crate::isa::avx2::is_available() {
            // SAFETY: the machine was asked.
            unsafe { check() }
        }
    }
}
