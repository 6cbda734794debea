//! Sums of rows, each with a weight.

use super::{load_some, store_some};
use crate::generic::lanes::{F32x16, LANES};

/// A row and its weight.
pub type Weighed<'a> = (f32, &'a [f32]);

/// `out[i] = fma(w_n, x_n[i], ... fma(w_0, x_0[i], 0))` (clause E3): the first of the parts is added first.
///
/// # Safety
/// The machine has the instructions of `L`; every part is as long as `out`.
#[inline(always)]
pub unsafe fn weighed_sum<L: F32x16>(parts: &[Weighed<'_>], out: &mut [f32]) {
    let whole = out.len() / LANES * LANES;
    // SAFETY: the machine has the instructions; all places lie within the slices, which are of one length.
    unsafe {
        let zero = L::splat(0.0);
        for at in (0..whole).step_by(LANES) {
            let sum =
                parts.iter().fold(zero, |sum, (weight, x)| L::splat(*weight).fma(L::load(x.as_ptr().add(at)), sum));
            sum.store(out.as_mut_ptr().add(at));
        }
        if whole < out.len() {
            let sum = parts.iter().fold(zero, |sum, (weight, x)| L::splat(*weight).fma(load_some(&x[whole..]), sum));
            store_some(sum, &mut out[whole..]);
        }
    }
}
