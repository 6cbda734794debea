//! Sixteen rows in arrays.

use std::array::from_fn;

use hefu_numerics::functions::fma;
use hefu_numerics::half::{bf16_to_f32, f16_to_f32};
use hefu_numerics::quant::SubScales;
use hefu_numerics::reference::quantize_block;

use crate::generic::rows::DotIsa;

/// Sixteen rows.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArrayRows;

const WIDTH: usize = 16;

// SAFETY: there are no instructions that a machine could lack; pointers are read as each function says.
unsafe impl DotIsa for ArrayRows {
    const WIDTH: usize = WIDTH;
    const SIGNED_BYTES: bool = false;
    const TILES: &'static [usize] = &[1, 4];

    type Codes = [u8; 64];
    type Floats = [f32; WIDTH];
    type Sums = [i32; WIDTH];

    #[inline(always)]
    fn prefetch(_: *const u8) {}

    #[inline(always)]
    fn prefetch_near(_: *const u8) {}

    #[inline(always)]
    fn prefetch_for_writing(_: *const u8) {}

    #[inline(always)]
    unsafe fn load_codes(from: *const u8) -> Self::Codes {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<Self::Codes>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store_codes(codes: Self::Codes, to: *mut u8) {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { to.cast::<Self::Codes>().write_unaligned(codes) }
    }

    #[inline(always)]
    unsafe fn shift_and(codes: Self::Codes, places: i32, mask: u8) -> Self::Codes {
        if places >= 0 { codes.map(|code| (code << places) & mask) } else { codes.map(|code| (code >> -places) & mask) }
    }

    #[inline(always)]
    unsafe fn shift_right(codes: Self::Codes, places: usize) -> Self::Codes {
        codes.map(|code| code >> places)
    }

    #[inline(always)]
    unsafe fn triple(codes: Self::Codes) -> Self::Codes {
        codes.map(|code| code.wrapping_mul(3))
    }

    #[inline(always)]
    unsafe fn top_trit(codes: Self::Codes) -> Self::Codes {
        codes.map(|code| u8::from(code > 85) + u8::from(code > 170))
    }

    #[inline(always)]
    unsafe fn spread(from: *const u8) -> Self::Codes {
        // SAFETY: the pointer is valid for what this touches.
        let bytes = unsafe { from.cast::<[u8; WIDTH]>().read_unaligned() };
        from_fn(|i| bytes[i / 4])
    }

    #[inline(always)]
    unsafe fn or(a: Self::Codes, b: Self::Codes) -> Self::Codes {
        from_fn(|i| a[i] | b[i])
    }

    #[inline(always)]
    unsafe fn look_up(codes: Self::Codes, table: &[u8; 16]) -> Self::Codes {
        codes.map(|code| table[usize::from(code & 15)])
    }

    #[inline(always)]
    unsafe fn flip_sign(codes: Self::Codes) -> Self::Codes {
        codes.map(|code| code ^ 0x80)
    }

    #[inline(always)]
    unsafe fn dot<const BITS: u32, const FROM: usize, const N: usize>(
        codes: &[Self::Codes; 8],
        q: *const u8,
        stride: usize,
        start: Self::Sums,
    ) -> Self::Sums {
        let mut sums = start;
        for (g, codes) in codes[FROM..FROM + N].iter().enumerate() {
            // SAFETY: the pointer is valid for what this touches.
            let q = unsafe { q.add(g * stride).cast::<[i8; 4]>().read_unaligned() };
            for (row, sum) in sums.iter_mut().enumerate() {
                for (i, &q) in q.iter().enumerate() {
                    *sum += i32::from(codes[row * 4 + i]) * i32::from(q);
                }
            }
        }
        sums
    }

    #[inline(always)]
    unsafe fn no_sums() -> Self::Sums {
        [0; WIDTH]
    }

    #[inline(always)]
    unsafe fn broadcast_sum(from: *const u8) -> Self::Sums {
        // SAFETY: the pointer is valid for what this touches.
        [unsafe { from.cast::<i32>().read_unaligned() }; WIDTH]
    }

    #[inline(always)]
    unsafe fn to_floats(sums: Self::Sums) -> Self::Floats {
        sums.map(|sum| sum as f32)
    }

    #[inline(always)]
    unsafe fn no_floats() -> Self::Floats {
        [0.0; WIDTH]
    }

    #[inline(always)]
    unsafe fn broadcast(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        [unsafe { from.cast::<f32>().read_unaligned() }; WIDTH]
    }

    #[inline(always)]
    unsafe fn load(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<Self::Floats>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn store(floats: Self::Floats, to: *mut u8) {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { to.cast::<Self::Floats>().write_unaligned(floats) }
    }

    #[inline(always)]
    unsafe fn load_f16(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<[[u8; 2]; WIDTH]>().read_unaligned() }.map(|bits| f16_to_f32(u16::from_ne_bytes(bits)))
    }

    #[inline(always)]
    unsafe fn load_bf16(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<[[u8; 2]; WIDTH]>().read_unaligned() }.map(|bits| bf16_to_f32(u16::from_ne_bytes(bits)))
    }

    #[inline(always)]
    unsafe fn load_signed_bytes(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<[i8; WIDTH]>().read_unaligned() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn load_unsigned_bytes(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<[u8; WIDTH]>().read_unaligned() }.map(f32::from)
    }

    #[inline(always)]
    unsafe fn load_nibbles(from: *const u8, shift: usize) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        unsafe { from.cast::<[u8; WIDTH]>().read_unaligned() }.map(|byte| f32::from(byte >> shift & 15))
    }

    #[inline(always)]
    unsafe fn load_half_e4m3(from: *const u8) -> Self::Floats {
        // SAFETY: the pointer is valid for what this touches.
        let bytes = unsafe { from.cast::<[u8; WIDTH]>().read_unaligned() };
        bytes.map(|byte| SubScales::HalfE4M3.factor(byte as i8))
    }

    #[inline(always)]
    unsafe fn mul(a: Self::Floats, b: Self::Floats) -> Self::Floats {
        from_fn(|i| a[i] * b[i])
    }

    #[inline(always)]
    unsafe fn fma(a: Self::Floats, b: Self::Floats, c: Self::Floats) -> Self::Floats {
        from_fn(|i| fma(a[i], b[i], c[i]))
    }

    #[inline(always)]
    unsafe fn quantize(x: *const f32, q: &mut [i8; 32]) -> (f32, [i32; 2]) {
        // SAFETY: the pointer is valid for what this touches.
        let block = quantize_block(&unsafe { x.cast::<[f32; 32]>().read_unaligned() });
        *q = block.q;
        let sum = |half: &[i8]| half.iter().map(|&q| i32::from(q)).sum();
        (block.scale, [sum(&q[..16]), sum(&q[16..])])
    }
}
