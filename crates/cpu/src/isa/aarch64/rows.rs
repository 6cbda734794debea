//! Sixteen rows in four 128-bit registers.

use std::arch::aarch64::*;

use hefu_numerics::quant::HALF_E4M3_FACTOR;

use super::dot::{self, MIXED};
use super::instructions::widen_f16;
use super::lanes::{signed_bytes, upper_bytes, widen_bf16};
use super::multiply::ByMatrix;
use crate::generic::rows::{DotIsa, quantizer};
use crate::generic::unroll::unroll;

/// Sixteen rows; `DOT`: how bytes are multiplied.
#[derive(Debug, Clone, Copy)]
pub(super) struct NeonRows<const DOT: u8>;

type Codes = [uint8x16_t; 4];
type Sums = [int32x4_t; 4];
type Floats = [float32x4_t; 4];

/// A vector of four registers, each made by an expression of its number.
macro_rules! four {
    ($i:ident => $value:expr) => {
        [
            {
                const $i: usize = 0;
                $value
            },
            {
                const $i: usize = 1;
                $value
            },
            {
                const $i: usize = 2;
                $value
            },
            {
                const $i: usize = 3;
                $value
            },
        ]
    };
}

// SAFETY: pointers are read and written as each function of the trait says.
unsafe impl<const DOT: u8> DotIsa for NeonRows<DOT> {
    const WIDTH: usize = 16;
    const SIGNED_BYTES: bool = DOT != MIXED;
    // Eight sums of integers and eight of f32 leave room for codes.
    const TILES: &'static [usize] = &[1, 2];

    type Codes = Codes;
    type Floats = Floats;
    type Sums = Sums;

    // Weights are one stream from end to end, which these processors see by themselves; hints are not measured here.
    #[inline(always)]
    fn prefetch(_: *const u8) {}

    #[inline(always)]
    fn prefetch_near(_: *const u8) {}

    #[inline(always)]
    fn prefetch_for_writing(_: *const u8) {}

    #[inline(always)]
    unsafe fn load_codes(from: *const u8) -> Codes {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { four!(I => vld1q_u8(from.add(I * 16))) }
    }

    #[inline(always)]
    unsafe fn store_codes(codes: Codes, to: *mut u8) {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unroll!(i < 4 => { unsafe { vst1q_u8(to.add(i * 16), codes[i]) }; });
    }

    #[inline(always)]
    unsafe fn shift_and(codes: Codes, places: i32, mask: u8) -> Codes {
        // SAFETY: the machine has NEON; places and mask are constants after inlining.
        unsafe {
            let is_masked = match places {
                0.. => mask == u8::MAX << places.min(7),
                _ => mask == u8::MAX >> (-places).min(7),
            };
            let mask = vdupq_n_u8(mask);
            four!(I => {
                let shifted = shift(codes[I], places);
                if is_masked { shifted } else { vandq_u8(shifted, mask) }
            })
        }
    }

    #[inline(always)]
    unsafe fn shift_right(codes: Codes, places: usize) -> Codes {
        // SAFETY: the machine has NEON.
        unsafe {
            let places = vdupq_n_s8(-(places as i8));
            four!(I => vshlq_u8(codes[I], places))
        }
    }

    #[inline(always)]
    unsafe fn triple(codes: Codes) -> Codes {
        // SAFETY: the machine has NEON.
        unsafe { four!(I => vaddq_u8(vaddq_u8(codes[I], codes[I]), codes[I])) }
    }

    #[inline(always)]
    unsafe fn top_trit(codes: Codes) -> Codes {
        // SAFETY: the machine has NEON; comparisons give -1.
        unsafe {
            let (one, two, zero) = (vdupq_n_u8(85), vdupq_n_u8(170), vdupq_n_u8(0));
            four!(I => vsubq_u8(vsubq_u8(zero, vcgtq_u8(codes[I], one)), vcgtq_u8(codes[I], two)))
        }
    }

    #[inline(always)]
    unsafe fn spread(from: *const u8) -> Codes {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe {
            let bytes = vld1q_u8(from);
            let first = vld1q_u8([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3].as_ptr());
            four!(I => vqtbl1q_u8(bytes, vaddq_u8(first, vdupq_n_u8(4 * I as u8))))
        }
    }

    #[inline(always)]
    unsafe fn or(a: Codes, b: Codes) -> Codes {
        // SAFETY: the machine has NEON.
        unsafe { four!(I => vorrq_u8(a[I], b[I])) }
    }

    #[inline(always)]
    unsafe fn look_up(codes: Codes, table: &[u8; 16]) -> Codes {
        // SAFETY: the machine has NEON; the table has 16 bytes.
        unsafe {
            let table = vld1q_u8(table.as_ptr());
            four!(I => vqtbl1q_u8(table, codes[I]))
        }
    }

    #[inline(always)]
    unsafe fn flip_sign(codes: Codes) -> Codes {
        // SAFETY: the machine has NEON.
        unsafe {
            let sign = vdupq_n_u8(0x80);
            four!(I => veorq_u8(codes[I], sign))
        }
    }

    #[inline(always)]
    unsafe fn dot<const BITS: u32, const FROM: usize, const N: usize>(
        codes: &[Codes; 8],
        q: *const u8,
        stride: usize,
        start: Sums,
    ) -> Sums {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { dot::dot::<DOT, BITS, FROM, N>(codes, q, stride, start) }
    }

    #[inline(always)]
    unsafe fn no_sums() -> Sums {
        // SAFETY: the machine has NEON.
        [unsafe { vdupq_n_s32(0) }; 4]
    }

    #[inline(always)]
    unsafe fn broadcast_sum(from: *const u8) -> Sums {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        [unsafe { vdupq_n_s32(from.cast::<i32>().read_unaligned()) }; 4]
    }

    #[inline(always)]
    unsafe fn to_floats(sums: Sums) -> Floats {
        // SAFETY: the machine has NEON.
        unsafe { four!(I => vcvtq_f32_s32(sums[I])) }
    }

    #[inline(always)]
    unsafe fn no_floats() -> Floats {
        // SAFETY: the machine has NEON.
        [unsafe { vdupq_n_f32(0.0) }; 4]
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        [unsafe { vdupq_n_f32(from.cast::<f32>().read_unaligned()) }; 4]
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { four!(I => vreinterpretq_f32_u8(vld1q_u8(from.add(I * 16)))) }
    }

    #[inline(always)]
    unsafe fn store(floats: Floats, to: *mut u8) {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unroll!(i < 4 => { unsafe { vst1q_u8(to.add(i * 16), vreinterpretq_u8_f32(floats[i])) }; });
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe {
            let [a, b] = widen_f16(vreinterpretq_u16_u8(vld1q_u8(from)));
            let [c, d] = widen_f16(vreinterpretq_u16_u8(vld1q_u8(from.add(16))));
            [a, b, c, d]
        }
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { widen_bf16(from.cast()) }
    }

    #[inline(always)]
    unsafe fn load_signed_bytes(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { signed_bytes(vld1q_u8(from)) }
    }

    #[inline(always)]
    unsafe fn load_unsigned_bytes(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { unsigned_bytes(vld1q_u8(from)) }
    }

    #[inline(always)]
    unsafe fn load_nibbles(from: *const u8, shift: usize) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe {
            let bytes = vshlq_u8(vld1q_u8(from), vdupq_n_s8(-(shift as i8)));
            unsigned_bytes(vandq_u8(bytes, vdupq_n_u8(15)))
        }
    }

    #[inline(always)]
    unsafe fn load_half_e4m3(from: *const u8) -> Floats {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches; exponent and mantissa come to
        // lie below the sign.
        unsafe {
            let wide = upper_bytes(vld1q_u8(from));
            let factor = vdupq_n_f32(HALF_E4M3_FACTOR);
            four!(I => vmulq_f32(vreinterpretq_f32_u32(vshrq_n_u32::<4>(wide[I])), factor))
        }
    }

    #[inline(always)]
    unsafe fn mul(a: Floats, b: Floats) -> Floats {
        // SAFETY: the machine has NEON.
        unsafe { four!(I => vmulq_f32(a[I], b[I])) }
    }

    #[inline(always)]
    unsafe fn fma(a: Floats, b: Floats, c: Floats) -> Floats {
        // SAFETY: the machine has NEON.
        unsafe { four!(I => vfmaq_f32(c[I], a[I], b[I])) }
    }

    #[inline(always)]
    unsafe fn store_token(block: *mut u8, slot: usize, q: &[i8; 32]) {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe {
            match DOT {
                MIXED => ByMatrix::store_token(block, slot, q),
                _ => block.add(slot * q.len()).cast::<[i8; 32]>().write(*q),
            }
        }
    }

    #[inline(always)]
    unsafe fn quantize(x: *const f32, q: &mut [i8; 32]) -> (f32, [i32; 2]) {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches; 32 numbers at `x`.
        unsafe {
            let mut eight = [vdupq_n_f32(0.0); 8];
            let mut largest = vdupq_n_u32(0);
            unroll!(i < 8 => {
                eight[i] = vld1q_f32(x.add(i * 4));
                largest = vmaxq_u32(largest, vreinterpretq_u32_f32(vabsq_f32(eight[i])));
            });
            let (scale, inverse) = quantizer(vmaxvq_u32(largest));
            if inverse == 0.0 {
                *q = [0; 32];
                return (scale, [0; 2]);
            }
            let inverse = vdupq_n_f32(inverse);
            let mut sums = [vdupq_n_s32(0); 2];
            unroll!(half < 2 => {
                let rounded = four!(I => vcvtnq_s32_f32(vmulq_f32(eight[half * 4 + I], inverse)));
                sums[half] = vaddq_s32(vaddq_s32(rounded[0], rounded[1]), vaddq_s32(rounded[2], rounded[3]));
                let low = vmovn_high_s32(vmovn_s32(rounded[0]), rounded[1]);
                let high = vmovn_high_s32(vmovn_s32(rounded[2]), rounded[3]);
                vst1q_s8(q.as_mut_ptr().add(half * 16), vmovn_high_s16(vmovn_s16(low), high));
            });
            (scale, [vaddvq_s32(sums[0]), vaddvq_s32(sums[1])])
        }
    }
}

/// `codes` shifted within bytes: to the left if `places`, a constant after inlining, is positive.
#[inline(always)]
unsafe fn shift(codes: uint8x16_t, places: i32) -> uint8x16_t {
    // SAFETY: the machine has NEON.
    unsafe {
        match places {
            0 => codes,
            1 => vshlq_n_u8::<1>(codes),
            2 => vshlq_n_u8::<2>(codes),
            3 => vshlq_n_u8::<3>(codes),
            4 => vshlq_n_u8::<4>(codes),
            -1 => vshrq_n_u8::<1>(codes),
            -2 => vshrq_n_u8::<2>(codes),
            -3 => vshrq_n_u8::<3>(codes),
            -4 => vshrq_n_u8::<4>(codes),
            -5 => vshrq_n_u8::<5>(codes),
            -6 => vshrq_n_u8::<6>(codes),
            -7 => vshrq_n_u8::<7>(codes),
            places => vshlq_u8(codes, vdupq_n_s8(places as i8)),
        }
    }
}

/// Sixteen unsigned bytes as f32: fractions of 24 bits.
#[inline(always)]
unsafe fn unsigned_bytes(bytes: uint8x16_t) -> Floats {
    // SAFETY: the machine has NEON.
    unsafe {
        let wide = upper_bytes(bytes);
        four!(I => vcvtq_n_f32_u32::<24>(wide[I]))
    }
}
