//! Eight rows in 256-bit registers.
//!
//! Without a dot product for bytes, products of unsigned codes and signed activations are added in pairs to 16 bits,
//! which must not saturate (at most 32767):
//!
//! | bits | largest pair | column groups per 16-bit sum |
//! | --- | --- | --- |
//! | 4 | 2 * 15 * 127 = 3810 | 8 |
//! | 5 | 2 * 31 * 127 = 7874 | 4 |
//! | 6 | 2 * 63 * 127 = 16002 | 2 |
//! | 8, signed: magnitude times activation with the code's sign | 2 * 128 * 127 = 32512 | 1 |

use std::arch::x86_64::*;

use hefu_numerics::quant::HALF_E4M3_FACTOR;

use super::lanes::widen_bf16;
use crate::generic::rows::{DotIsa, quantizer};
use crate::generic::unroll::unroll;

/// Eight rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct YmmRows;

// SAFETY: pointers are read and written as each function of the trait says.
unsafe impl DotIsa for YmmRows {
    const WIDTH: usize = 8;
    const SIGNED_BYTES: bool = true;
    // Four sums and eight registers of codes leave room for temporaries among 16 registers.
    const TILES: &'static [usize] = &[1, 2, 4];

    type Codes = __m256i;
    type Floats = __m256;
    type Sums = __m256i;

    #[inline(always)]
    fn prefetch(at: *const u8) {
        // SAFETY: a hint, which never faults; every x86-64 machine has it.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(at.cast()) }
    }

    #[inline(always)]
    fn prefetch_near(at: *const u8) {
        // SAFETY: a hint, which never faults; every x86-64 machine has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) }
    }

    #[inline(always)]
    fn prefetch_for_writing(at: *const u8) {
        // SAFETY: a hint, which never faults; 64-bit processors that do not know it pass it over.
        unsafe { std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly)) }
    }

    #[inline(always)]
    unsafe fn load_codes(from: *const u8) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_loadu_si256(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_codes(codes: Self::Codes, to: *mut u8) {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_storeu_si256(to.cast(), codes) }
    }

    #[inline(always)]
    unsafe fn shift_and(codes: Self::Codes, places: i32, mask: u8) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA; the count is a constant after inlining.
        unsafe {
            let shifted = match places {
                0 => codes,
                1.. => _mm256_sll_epi16(codes, _mm_cvtsi32_si128(places)),
                _ => _mm256_srl_epi16(codes, _mm_cvtsi32_si128(-places)),
            };
            _mm256_and_si256(shifted, _mm256_set1_epi8(mask as i8))
        }
    }

    #[inline(always)]
    unsafe fn shift_right(codes: Self::Codes, places: usize) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_srl_epi16(codes, _mm_cvtsi32_si128(places as i32)) }
    }

    #[inline(always)]
    unsafe fn triple(codes: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_add_epi8(_mm256_add_epi8(codes, codes), codes) }
    }

    #[inline(always)]
    unsafe fn top_trit(codes: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA; comparisons are of signed bytes, and give -1.
        unsafe {
            let signed = Self::flip_sign(codes);
            let one = _mm256_cmpgt_epi8(signed, _mm256_set1_epi8(-43));
            let two = _mm256_cmpgt_epi8(signed, _mm256_set1_epi8(42));
            _mm256_abs_epi8(_mm256_add_epi8(one, two))
        }
    }

    #[inline(always)]
    unsafe fn spread(from: *const u8) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
            let places = _mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
            _mm256_shuffle_epi8(wide, _mm256_broadcastsi128_si256(places))
        }
    }

    #[inline(always)]
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_or_si256(a, b) }
    }

    #[inline(always)]
    unsafe fn look_up(codes: Self::Codes, table: &[u8; 16]) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA; the table has 16 bytes.
        unsafe { _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast())), codes) }
    }

    #[inline(always)]
    unsafe fn flip_sign(codes: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_xor_si256(codes, _mm256_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    unsafe fn dot<const BITS: u32, const FROM: usize, const N: usize>(
        codes: &[Self::Codes; 8],
        q: *const u8,
        stride: usize,
        start: Self::Sums,
    ) -> Self::Sums {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            let ones = _mm256_set1_epi16(1);
            let per_sum = const { groups_per_sum(BITS) };
            let (mut sums, mut pairs) = (start, _mm256_setzero_si256());
            unroll!(g < N => {
                let activations = Self::broadcast_sum(q.add(g * stride));
                let codes = codes[FROM + g];
                let products = if BITS == 8 {
                    _mm256_maddubs_epi16(_mm256_abs_epi8(codes), _mm256_sign_epi8(activations, codes))
                } else {
                    _mm256_maddubs_epi16(codes, activations)
                };
                pairs = if g.is_multiple_of(per_sum) { products } else { _mm256_add_epi16(pairs, products) };
                if g % per_sum == per_sum - 1 || g + 1 == N {
                    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(pairs, ones));
                }
            });
            sums
        }
    }

    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_setzero_si256() }
    }

    #[inline(always)]
    unsafe fn broadcast_sum(from: *const u8) -> Self::Sums {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn to_floats(sums: Self::Sums) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_cvtepi32_ps(sums) }
    }

    #[inline(always)]
    unsafe fn no_floats() -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_set1_ps(from.cast::<f32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(floats: Self::Floats, to: *mut u8) {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_storeu_ps(to.cast(), floats) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_cvtph_ps(_mm_loadu_si128(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { widen_bf16(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_signed_bytes(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_unsigned_bytes(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe { _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_nibbles(from: *const u8, shift: usize) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
            let shifted = _mm256_srl_epi32(wide, _mm_cvtsi32_si128(shift as i32));
            _mm256_cvtepi32_ps(_mm256_and_si256(shifted, _mm256_set1_epi32(15)))
        }
    }

    #[inline(always)]
    unsafe fn load_half_e4m3(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm256_cvtepu8_epi32(_mm_loadl_epi64(from.cast()));
            let floats = _mm256_castsi256_ps(_mm256_slli_epi32::<20>(wide));
            _mm256_mul_ps(floats, _mm256_set1_ps(HALF_E4M3_FACTOR))
        }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        // SAFETY: the machine has AVX2 and FMA.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn quantize(x: *const f32, q: &mut [i8; 32]) -> (f32, [i32; 2]) {
        // SAFETY: the machine has AVX2 and FMA, and the pointer is valid for what this touches; 32 numbers at `x`.
        unsafe {
            let quarters = [0, 8, 16, 24].map(|i| _mm256_loadu_ps(x.add(i)));
            let (scale, inverse) = scale_of(&quarters);
            if inverse == 0.0 {
                *q = [0; 32];
                return (scale, [0; 2]);
            }
            let inverse = _mm256_set1_ps(inverse);
            // Rounds to nearest even, the mode that nothing here ever changes.
            let rounded = quarters.map(|x| _mm256_cvtps_epi32(_mm256_mul_ps(x, inverse)));
            // Packing works within halves of 128 bits; the permutation puts the order right again.
            let low = _mm256_packs_epi32(rounded[0], rounded[1]);
            let high = _mm256_packs_epi32(rounded[2], rounded[3]);
            let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
            let bytes = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
            _mm256_storeu_si256(q.as_mut_ptr().cast(), bytes);
            let sums =
                [[rounded[0], rounded[1]], [rounded[2], rounded[3]]].map(|[a, b]| add_up(_mm256_add_epi32(a, b)));
            (scale, sums)
        }
    }
}

/// Number of column groups that fit one 16-bit sum of pairs.
const fn groups_per_sum(bits: u32) -> usize {
    match bits {
        8 => 1,
        6 => 2,
        5 => 4,
        _ => 8,
    }
}

/// Clause Q1: the scale of 32 activations, and the factor that makes them integers (0: they all become 0).
#[inline(always)]
unsafe fn scale_of(quarters: &[__m256; 4]) -> (f32, f32) {
    // SAFETY: the machine has AVX2 and FMA.
    let largest = unsafe {
        let mask = _mm256_set1_epi32(0x7fff_ffff);
        let bits = quarters.map(|x| _mm256_and_si256(_mm256_castps_si256(x), mask));
        let most = _mm256_max_epu32(_mm256_max_epu32(bits[0], bits[1]), _mm256_max_epu32(bits[2], bits[3]));
        let most = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
        let most = _mm_max_epu32(most, _mm_shuffle_epi32::<0b01_00_11_10>(most));
        _mm_cvtsi128_si32(_mm_max_epu32(most, _mm_shuffle_epi32::<0b10_11_00_01>(most))) as u32
    };
    quantizer(largest)
}

/// The sum of eight integers.
#[inline(always)]
unsafe fn add_up(x: __m256i) -> i32 {
    // SAFETY: the machine has AVX2 and FMA.
    unsafe {
        let sum = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256::<1>(x));
        let sum = _mm_add_epi32(sum, _mm_shuffle_epi32::<0b01_00_11_10>(sum));
        _mm_cvtsi128_si32(_mm_add_epi32(sum, _mm_shuffle_epi32::<0b10_11_00_01>(sum)))
    }
}
