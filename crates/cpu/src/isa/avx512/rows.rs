//! Sixteen rows in 512-bit registers.

use std::arch::x86_64::*;
use std::ops::Range;

use hefu_numerics::quant::HALF_E4M3_FACTOR;

use super::panel;
use crate::generic::panel::{PanelShape, Source, Tile};
use crate::generic::rows::{DotIsa, fill_tile, quantizer};
use crate::generic::unroll::unroll;

/// Sixteen rows.
#[derive(Debug, Clone, Copy)]
pub(in crate::isa) struct ZmmRows;

impl ZmmRows {
    /// As [`DotIsa::dot`], of one column group whose activations are in every row of `q`.
    ///
    /// # Safety
    /// The machine has the instructions.
    #[inline(always)]
    pub(in crate::isa) unsafe fn dot_group(codes: __m512i, q: __m512i, sums: __m512i) -> __m512i {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_dpbusd_epi32(sums, codes, q) }
    }
}

// SAFETY: pointers are read and written as each function of the trait says.
unsafe impl DotIsa for ZmmRows {
    const WIDTH: usize = 16;
    // The dot product multiplies unsigned bytes (the codes) with signed ones (the activations).
    const SIGNED_BYTES: bool = false;
    // Sixteen sums and eight registers of codes leave room for temporaries among 32 registers.
    const TILES: &'static [usize] = &[1, 2, 4, 8, 12];

    type Codes = __m512i;
    type Floats = __m512;
    type Sums = __m512i;

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
        panel::prefetch_for_writing(at);
    }

    #[inline(always)]
    unsafe fn load_codes(from: *const u8) -> Self::Codes {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store_codes(codes: Self::Codes, to: *mut u8) {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_storeu_si512(to.cast(), codes) }
    }

    #[inline(always)]
    unsafe fn shift_and(codes: Self::Codes, places: i32, mask: u8) -> Self::Codes {
        // SAFETY: the machine has AVX-512; the count is a constant after inlining.
        unsafe {
            let shifted = match places {
                0 => codes,
                1.. => _mm512_sll_epi16(codes, _mm_cvtsi32_si128(places)),
                _ => _mm512_srl_epi16(codes, _mm_cvtsi32_si128(-places)),
            };
            _mm512_and_si512(shifted, _mm512_set1_epi8(mask as i8))
        }
    }

    #[inline(always)]
    unsafe fn shift_right(codes: Self::Codes, places: usize) -> Self::Codes {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_srl_epi16(codes, _mm_cvtsi32_si128(places as i32)) }
    }

    #[inline(always)]
    unsafe fn triple(codes: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_add_epi8(_mm512_add_epi8(codes, codes), codes) }
    }

    #[inline(always)]
    unsafe fn top_trit(codes: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX-512.
        unsafe {
            let one = _mm512_maskz_set1_epi8(_mm512_cmpgt_epu8_mask(codes, _mm512_set1_epi8(85)), 1);
            _mm512_mask_set1_epi8(one, _mm512_cmpgt_epu8_mask(codes, _mm512_set1_epi8(170_u8 as i8)), 2)
        }
    }

    #[inline(always)]
    unsafe fn spread(from: *const u8) -> Self::Codes {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            let places = _mm_setr_epi8(0, 0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12, 12, 12, 12);
            _mm512_shuffle_epi8(wide, _mm512_broadcast_i32x4(places))
        }
    }

    #[inline(always)]
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_or_si512(a, b) }
    }

    #[inline(always)]
    unsafe fn look_up(codes: Self::Codes, table: &[u8; 16]) -> Self::Codes {
        // SAFETY: the machine has AVX-512; the table has 16 bytes.
        unsafe { _mm512_shuffle_epi8(_mm512_broadcast_i32x4(_mm_loadu_si128(table.as_ptr().cast())), codes) }
    }

    #[inline(always)]
    unsafe fn flip_sign(codes: Self::Codes) -> Self::Codes {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_xor_si512(codes, _mm512_set1_epi8(i8::MIN)) }
    }

    #[inline(always)]
    unsafe fn dot<const BITS: u32, const FROM: usize, const N: usize>(
        codes: &[Self::Codes; 8],
        q: *const u8,
        stride: usize,
        start: Self::Sums,
    ) -> Self::Sums {
        let mut sums = start;
        unroll!(g < N => {
            // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
            sums = unsafe { _mm512_dpbusd_epi32(sums, codes[FROM + g], Self::broadcast_sum(q.add(g * stride))) };
        });
        sums
    }

    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_setzero_si512() }
    }

    #[inline(always)]
    unsafe fn broadcast_sum(from: *const u8) -> Self::Sums {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_set1_epi32(from.cast::<i32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn to_floats(sums: Self::Sums) -> Self::Floats {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_cvtepi32_ps(sums) }
    }

    #[inline(always)]
    unsafe fn no_floats() -> Self::Floats {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_set1_ps(from.cast::<f32>().read_unaligned()) }
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_loadu_ps(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(floats: Self::Floats, to: *mut u8) {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_storeu_ps(to.cast(), floats) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(from.cast())) }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(from.cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide))
        }
    }

    #[inline(always)]
    unsafe fn load_signed_bytes(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_unsigned_bytes(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe { _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()))) }
    }

    #[inline(always)]
    unsafe fn load_nibbles(from: *const u8, shift: usize) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            let shifted = _mm512_srl_epi32(wide, _mm_cvtsi32_si128(shift as i32));
            _mm512_cvtepi32_ps(_mm512_and_si512(shifted, _mm512_set1_epi32(15)))
        }
    }

    #[inline(always)]
    unsafe fn load_half_e4m3(from: *const u8) -> Self::Floats {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe {
            let wide = _mm512_cvtepu8_epi32(_mm_loadu_si128(from.cast()));
            let floats = _mm512_castsi512_ps(_mm512_slli_epi32::<20>(wide));
            _mm512_mul_ps(floats, _mm512_set1_ps(HALF_E4M3_FACTOR))
        }
    }

    #[inline(always)]
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    unsafe fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        // SAFETY: the machine has AVX-512.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    unsafe fn fill_tile(shape: &PanelShape, tile: &Tile, blocks: Range<usize>, source: &Source<'_>, panel: *mut u8) {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches.
        unsafe {
            if panel::takes(shape, tile) {
                panel::fill_tile(shape, tile, blocks, source, panel);
            } else {
                fill_tile::<Self>(shape, tile, blocks, source, panel);
            }
        }
    }

    #[inline(always)]
    unsafe fn quantize(x: *const f32, q: &mut [i8; 32]) -> (f32, [i32; 2]) {
        // SAFETY: the machine has AVX-512, and the pointer is valid for what this touches; 32 numbers at `x`.
        unsafe {
            let (low, high) = (_mm512_loadu_ps(x), _mm512_loadu_ps(x.add(16)));
            let magnitudes =
                _mm512_max_epu32(_mm512_castps_si512(_mm512_abs_ps(low)), _mm512_castps_si512(_mm512_abs_ps(high)));
            let largest = _mm512_reduce_max_epu32(magnitudes);
            let (scale, inverse) = quantizer(largest);
            if inverse == 0.0 {
                *q = [0; 32];
                return (scale, [0; 2]);
            }
            let inverse = _mm512_set1_ps(inverse);
            // Rounds to nearest even, the mode that nothing here ever changes.
            let low = _mm512_cvtps_epi32(_mm512_mul_ps(low, inverse));
            let high = _mm512_cvtps_epi32(_mm512_mul_ps(high, inverse));
            _mm_storeu_si128(q.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(low));
            _mm_storeu_si128(q.as_mut_ptr().add(16).cast(), _mm512_cvtepi32_epi8(high));
            (scale, [_mm512_reduce_add_epi32(low), _mm512_reduce_add_epi32(high)])
        }
    }
}
