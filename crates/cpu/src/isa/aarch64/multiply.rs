//! Four rows times some tokens, of a block's bytes.

use std::arch::aarch64::*;

use super::instructions::{sdot_lane, smmla};
use crate::generic::unroll::unroll;

/// Product of a set of four rows with some tokens: as many registers of sums as there are tokens.
///
/// # Safety
/// Functions may be called only on a machine with the instructions, and with pointers that are valid for what they say.
#[expect(clippy::missing_safety_doc, reason = "the trait's own duties are those of each function")]
pub(super) unsafe trait Multiply {
    /// Weights of four rows, `[8 groups][4 rows][4 columns]`, in the order in which [`Multiply::sum`] reads them.
    unsafe fn arrange(groups: [uint8x16_t; 8]) -> [uint8x16_t; 8];

    /// Activations of a block, `[tokens][32]`, as [`Multiply::sum`] reads them.
    unsafe fn activations<const T: usize>(from: *const i8) -> [[int8x16_t; 2]; T];

    /// Sums number `R`, over `N` column groups from group `FROM` on.
    unsafe fn sum<const R: usize, const T: usize, const FROM: usize, const N: usize>(
        weights: &[int8x16_t; 8],
        activations: &[[int8x16_t; 2]; T],
    ) -> int32x4_t;

    /// Four numbers, one per row, for sums with even and for sums with odd numbers.
    unsafe fn of_rows(numbers: float32x4_t) -> [float32x4_t; 2];

    /// Four numbers, one per token, for all sums.
    unsafe fn of_tokens(numbers: float32x4_t) -> [float32x4_t; 4];

    /// From sums to rows of tokens, or back.
    unsafe fn transpose<const T: usize>(sums: [float32x4_t; T]) -> [float32x4_t; T];
}

/// Dot products of four bytes: sums are of four rows and one token.
pub(super) struct ByElement;

// SAFETY: pointers are read as each function says.
unsafe impl Multiply for ByElement {
    #[inline(always)]
    unsafe fn arrange(groups: [uint8x16_t; 8]) -> [uint8x16_t; 8] {
        groups
    }

    #[inline(always)]
    unsafe fn activations<const T: usize>(from: *const i8) -> [[int8x16_t; 2]; T] {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe {
            let mut all = [[vdupq_n_s8(0); 2]; T];
            unroll!(t < T => { all[t] = [vld1q_s8(from.add(t * 32)), vld1q_s8(from.add(t * 32 + 16))]; });
            all
        }
    }

    #[inline(always)]
    unsafe fn sum<const R: usize, const T: usize, const FROM: usize, const N: usize>(
        weights: &[int8x16_t; 8],
        activations: &[[int8x16_t; 2]; T],
    ) -> int32x4_t {
        // SAFETY: the machine has NEON.
        unsafe {
            let mut sum = vdupq_n_s32(0);
            unroll!(g < N => {
                let of_token = activations[R][(FROM + g) / 4];
                sum = sdot_lane::<{ (g % 4) as i32 }>(sum, weights[FROM + g], of_token);
            });
            sum
        }
    }

    #[inline(always)]
    unsafe fn of_rows(numbers: float32x4_t) -> [float32x4_t; 2] {
        [numbers; 2]
    }

    #[inline(always)]
    unsafe fn of_tokens(numbers: float32x4_t) -> [float32x4_t; 4] {
        // SAFETY: the machine has NEON.
        unsafe {
            [
                vdupq_laneq_f32::<0>(numbers),
                vdupq_laneq_f32::<1>(numbers),
                vdupq_laneq_f32::<2>(numbers),
                vdupq_laneq_f32::<3>(numbers),
            ]
        }
    }

    #[inline(always)]
    unsafe fn transpose<const T: usize>(sums: [float32x4_t; T]) -> [float32x4_t; T] {
        sums
    }
}

/// Products of two rows of 8 bytes with two others: sums `2 u + p` are of tokens `2 u`, `2 u + 1` and rows `2 p`, `2 p + 1`.
pub(super) struct ByMatrix;

impl ByMatrix {
    /// Writes a token's activations, `[2 tokens each][4 times 8 columns][2 tokens][8 columns]`.
    ///
    /// # Safety
    /// `block` is valid for writing a tile's.
    #[inline(always)]
    pub(super) unsafe fn store_token(block: *mut u8, slot: usize, q: &[i8; 32]) {
        for (eight, q) in q.as_chunks::<8>().0.iter().enumerate() {
            // SAFETY: `block` is valid for writing a tile's.
            unsafe { block.add(slot / 2 * 64 + eight * 16 + slot % 2 * 8).cast::<[i8; 8]>().write(*q) };
        }
    }
}

// SAFETY: pointers are read as each function says.
unsafe impl Multiply for ByMatrix {
    /// `[2 pairs of rows][4 times 8 columns][2 rows][8 columns]`.
    #[inline(always)]
    unsafe fn arrange(groups: [uint8x16_t; 8]) -> [uint8x16_t; 8] {
        // SAFETY: the machine has NEON.
        unsafe {
            let mut pairs = groups;
            unroll!(o < 4 => {
                let [even, odd] = [groups[2 * o], groups[2 * o + 1]].map(|codes| vreinterpretq_u32_u8(codes));
                pairs[o] = vreinterpretq_u8_u32(vzip1q_u32(even, odd));
                pairs[4 + o] = vreinterpretq_u8_u32(vzip2q_u32(even, odd));
            });
            pairs
        }
    }

    /// Registers `2 u` and `2 u + 1` hold the four times 8 columns of tokens `2 u` and `2 u + 1`, as
    /// [`ByMatrix::store_token`] puts them.
    #[inline(always)]
    unsafe fn activations<const T: usize>(from: *const i8) -> [[int8x16_t; 2]; T] {
        // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
        unsafe { ByElement::activations(from) }
    }

    #[inline(always)]
    unsafe fn sum<const R: usize, const T: usize, const FROM: usize, const N: usize>(
        weights: &[int8x16_t; 8],
        activations: &[[int8x16_t; 2]; T],
    ) -> int32x4_t {
        // SAFETY: the machine has NEON.
        unsafe {
            let mut sum = vdupq_n_s32(0);
            unroll!(o < N / 2 => {
                let column = FROM / 2 + o;
                sum = smmla(sum, activations[R / 2 * 2 + column / 2][column % 2], weights[R % 2 * 4 + column]);
            });
            sum
        }
    }

    #[inline(always)]
    unsafe fn of_rows(numbers: float32x4_t) -> [float32x4_t; 2] {
        // SAFETY: the machine has NEON.
        unsafe {
            let pairs = vreinterpretq_f64_f32(numbers);
            [vreinterpretq_f32_f64(vdupq_laneq_f64::<0>(pairs)), vreinterpretq_f32_f64(vdupq_laneq_f64::<1>(pairs))]
        }
    }

    #[inline(always)]
    unsafe fn of_tokens(numbers: float32x4_t) -> [float32x4_t; 4] {
        // SAFETY: the machine has NEON.
        unsafe {
            let (first, second) = (vzip1q_f32(numbers, numbers), vzip2q_f32(numbers, numbers));
            [first, first, second, second]
        }
    }

    #[inline(always)]
    unsafe fn transpose<const T: usize>(sums: [float32x4_t; T]) -> [float32x4_t; T] {
        // SAFETY: the machine has NEON.
        unsafe {
            let mut rows = sums;
            unroll!(t < T => {
                let [a, b] = [sums[t / 2 * 2 % T], sums[(t / 2 * 2 + 1) % T]].map(|pair| vreinterpretq_f64_f32(pair));
                rows[t] = vreinterpretq_f32_f64(if t % 2 == 0 { vzip1q_f64(a, b) } else { vzip2q_f64(a, b) });
            });
            rows
        }
    }
}
