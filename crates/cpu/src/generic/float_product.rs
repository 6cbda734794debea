//! Products with float weights: every sum a `chain` (clause R1).

use super::lanes::{F32x16, LANES};
use super::unroll::unroll;
use crate::layout::GROUP;

const _: () = assert!(LANES == GROUP, "one group of rows is one set of lanes");

/// Storage of float weights: the numbers of [`hefu_numerics::quant::Float`].
pub const F32: u8 = 0;
/// binary16.
pub const F16: u8 = 1;
/// bfloat16.
pub const BF16: u8 = 2;

/// Tokens that one pass over a group of rows serves.
pub const FLOAT_TILE: usize = 8;

/// The product of `T` tokens with one group of rows. `weights`: `[columns][16]`; `input`: token `t`'s row begins at
/// `t * columns`; `output`: `[T][16]`.
///
/// # Safety
/// The machine has the instructions of `L`; the pointers are valid for these shapes.
#[inline(always)]
pub unsafe fn tile<L: F32x16, const KIND: u8, const T: usize>(
    weights: *const u8,
    columns: usize,
    input: *const f32,
    output: *mut f32,
) {
    // SAFETY: the machine has the instructions of `L`; the pointers are valid for these shapes.
    unsafe {
        let mut sums = [L::splat(0.0); T];
        for column in 0..columns {
            let weight = match KIND {
                F32 => L::load(weights.cast::<f32>().add(column * GROUP)),
                F16 => L::load_f16(weights.cast::<u16>().add(column * GROUP)),
                _ => L::load_bf16(weights.cast::<u16>().add(column * GROUP)),
            };
            unroll!(t < T => {
                sums[t] = weight.fma(L::splat(*input.add(t * columns + column)), sums[t]);
            });
        }
        unroll!(t < T => {
            sums[t].store(output.add(t * GROUP));
        });
    }
}
