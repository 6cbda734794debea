//! Products of codes and activations: bytes, added up as 32-bit integers.
//!
//! Without dot products, products of bytes are added up as 16 bits, which must not overflow (at most 32767), and only
//! then widened:
//!
//! | bits | largest product | column groups per 16-bit sum |
//! | --- | --- | --- |
//! | 4 | 15 * 127 | 8 |
//! | 5 | 31 * 127 | 8 |
//! | 6 | 63 * 127 | 4 |
//! | 8, signed | 128 * 127 | 2 |

use std::arch::aarch64::*;

use super::instructions::{sdot, sdot_lane, usdot, usdot_lane};
use crate::generic::unroll::unroll;

/// Products of bytes by NEON alone.
pub(super) const PAIRS: u8 = 0;
/// By dot products of signed bytes.
pub(super) const SIGNED: u8 = 1;
/// By dot products of unsigned codes and signed activations.
pub(super) const MIXED: u8 = 2;

/// Four codes of each of 16 rows.
type Codes = [uint8x16_t; 4];
/// A sum of each of 16 rows.
type Sums = [int32x4_t; 4];

/// The order in which the groups of a block are added: the two that share a line of nibbles one after the other, so that
/// few lines are in registers at a time. Integer sums have no order.
const ORDER: [usize; 8] = [0, 4, 1, 5, 2, 6, 3, 7];

/// As [`unroll`], in [`ORDER`] where there are eight.
macro_rules! in_order {
    ($g:ident < $n:expr => $body:block) => {
        if $n == 8 {
            unroll!(place < 8 => {
                #[allow(non_upper_case_globals)]
                const $g: usize = ORDER[place % 8];
                $body
            });
        } else {
            unroll!($g < $n => $body);
        }
    };
}

/// [`crate::generic::rows::DotIsa::dot`].
///
/// # Safety
/// The machine has the instructions that `DOT` names; the pointer is valid for what is read there.
#[inline(always)]
pub(super) unsafe fn dot<const DOT: u8, const BITS: u32, const FROM: usize, const N: usize>(
    codes: &[Codes; 8],
    q: *const u8,
    stride: usize,
    start: Sums,
) -> Sums {
    // SAFETY: the machine has the instructions that `DOT` names; the pointer is valid for what is read there.
    unsafe {
        match DOT {
            PAIRS => dot_in_pairs::<BITS, FROM, N>(codes, q, stride, start),
            _ if stride == 4 => dot_of_one::<DOT, FROM, N>(codes, q, start),
            _ => {
                let mut sums = start;
                in_order!(g < N => {
                    let activations = broadcast_bytes(q.add(g * stride));
                    let codes = codes[FROM + g];
                    unroll!(i < 4 => {
                        sums[i] = match DOT {
                            MIXED => usdot(sums[i], codes[i], activations),
                            _ => sdot(sums[i], vreinterpretq_s8_u8(codes[i]), activations),
                        };
                    });
                });
                sums
            }
        }
    }
}

/// The four bytes at `from` in each quarter of a register.
#[inline(always)]
unsafe fn broadcast_bytes(from: *const u8) -> int8x16_t {
    // SAFETY: the machine has NEON; 4 bytes.
    unsafe { vreinterpretq_s8_s32(vdupq_n_s32(from.cast::<i32>().read_unaligned())) }
}

/// [`dot`] of a tile of one token, whose activations lie side by side.
#[inline(always)]
unsafe fn dot_of_one<const DOT: u8, const FROM: usize, const N: usize>(
    codes: &[Codes; 8],
    q: *const u8,
    start: Sums,
) -> Sums {
    const { assert!(N.is_multiple_of(4)) };
    // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
    unsafe {
        let mut sums = start;
        let mut activations = [vdupq_n_s8(0); 2];
        unroll!(half < 2 => {
            if half < N / 4 {
                activations[half] = vld1q_s8(q.add(half * 16).cast());
            }
        });
        in_order!(g < N => {
            let (codes, activations) = (codes[FROM + g], activations[g / 4]);
            unroll!(i < 4 => {
                sums[i] = match DOT {
                    MIXED => usdot_lane::<{ (g % 4) as i32 }>(sums[i], codes[i], activations),
                    _ => sdot_lane::<{ (g % 4) as i32 }>(sums[i], vreinterpretq_s8_u8(codes[i]), activations),
                };
            });
        });
        sums
    }
}

/// [`dot`] by products of 16 bits.
#[inline(always)]
unsafe fn dot_in_pairs<const BITS: u32, const FROM: usize, const N: usize>(
    codes: &[Codes; 8],
    q: *const u8,
    stride: usize,
    start: Sums,
) -> Sums {
    // SAFETY: the machine has NEON, and the pointer is valid for what this touches.
    unsafe {
        let per_sum = const { groups_per_sum(BITS) };
        let mut sums = start;
        let mut halves = [[vdupq_n_s16(0); 2]; 4];
        unroll!(g < N => {
            let activations = broadcast_bytes(q.add(g * stride));
            let codes = codes[FROM + g];
            unroll!(i < 4 => {
                let codes = vreinterpretq_s8_u8(codes[i]);
                halves[i] = if g.is_multiple_of(per_sum) {
                    [vmull_s8(vget_low_s8(codes), vget_low_s8(activations)), vmull_high_s8(codes, activations)]
                } else {
                    [
                        vmlal_s8(halves[i][0], vget_low_s8(codes), vget_low_s8(activations)),
                        vmlal_high_s8(halves[i][1], codes, activations),
                    ]
                };
                if g % per_sum == per_sum - 1 || g + 1 == N {
                    // Each row's four columns are two pairs.
                    let pairs = vpaddq_s32(vpaddlq_s16(halves[i][0]), vpaddlq_s16(halves[i][1]));
                    sums[i] = vaddq_s32(sums[i], pairs);
                }
            });
        });
        sums
    }
}

/// Number of column groups that fit one 16-bit sum of products.
const fn groups_per_sum(bits: u32) -> usize {
    match bits {
        8 => 2,
        6 => 4,
        _ => 8,
    }
}
