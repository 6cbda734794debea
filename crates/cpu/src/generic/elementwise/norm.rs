//! Root-mean-square norms of rows (clause N), and sums around which they stand.
//!
//! The sum of a row's squares is a chain of additions, and then come a root and a division: rows are taken side by side
//! ([`in_fours`]), so that each of them fills the time that the others wait.

use crate::ops::Norm;
use hefu_numerics::functions::Real;

use super::{in_fours, load_some, store_some};
use crate::generic::lanes::{F32x16, LANES};
use crate::generic::unrolled::Unrolled;

/// The factors of clause N for rows of `width` numbers, each in all lanes.
///
/// # Safety
/// The machine has the instructions of `L`; each row is valid for reading `width` numbers.
#[inline(always)]
pub(super) unsafe fn factors<L: F32x16, const N: usize>(rows: [*const f32; N], width: usize, epsilon: f32) -> [L; N] {
    let whole = width / LANES * LANES;
    // SAFETY: the machine has the instructions of `L`; each row is valid for reading `width` numbers.
    unsafe {
        let mut stripes = Unrolled([L::splat(0.0); N]);
        for at in (0..whole).step_by(LANES) {
            let mut x = stripes;
            for (x, row) in x.0.iter_mut().zip(rows) {
                *x = L::load(row.add(at));
            }
            stripes = x.fma(x, stripes);
        }
        if whole < width {
            // Stripes past the end of the row add 0 * 0 to a sum that is no -0: nothing.
            let mut x = stripes;
            for (x, row) in x.0.iter_mut().zip(rows) {
                *x = load_some(std::slice::from_raw_parts(row.add(whole), width - whole));
            }
            stripes = x.fma(x, stripes);
        }
        let mut factors = stripes.0;
        for factor in &mut factors {
            let mean = factor.tree_sum() / width as f32;
            *factor = L::splat(1.0 / (mean + epsilon).sqrt());
        }
        factors
    }
}

/// `to = from * factor * gain` for one row; both may be the same.
///
/// # Safety
/// The machine has the instructions of `L`; both are valid for as many numbers as the gain has.
#[inline(always)]
pub(super) unsafe fn scale<L: F32x16>(from: *const f32, factor: L, gain: &[f32], to: *mut f32) {
    let whole = gain.len() / LANES * LANES;
    // SAFETY: the machine has the instructions of `L`; both are valid for as many numbers as the gain has.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            L::load(from.add(i)).mul(factor).mul(L::load(gain.as_ptr().add(i))).store(to.add(i));
        }
        for (i, gain) in gain.iter().enumerate().skip(whole) {
            *to.add(i) = *from.add(i) * factor.to_array()[0] * gain;
        }
    }
}

/// Clause N for some rows.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rms_norm<L: F32x16>(norm: &Norm<'_>, input: &[f32], output: &mut [f32]) {
    let width = norm.gain.len();
    assert!(output.len() == input.len() && input.len().is_multiple_of(width.max(1)));
    in_fours!(first of input.len() / width.max(1), N => {
        // SAFETY: both have these rows; the machine has the instructions.
        unsafe {
            let rows = rows_from(input.as_ptr(), first, width);
            for (i, factor) in factors::<L, N>(rows, width, norm.epsilon).into_iter().enumerate() {
                scale(rows[i], factor, norm.gain, output.as_mut_ptr().add((first + i) * width));
            }
        }
    });
}

/// Where `N` rows begin, from row `first` on.
///
/// # Safety
/// There are as many rows.
#[inline(always)]
pub(super) unsafe fn rows_from<const N: usize>(from: *const f32, first: usize, width: usize) -> [*const f32; N] {
    let mut rows = [from; N];
    for (i, row) in rows.iter_mut().enumerate() {
        // SAFETY: there are as many rows.
        *row = unsafe { from.add((first + i) * width) };
    }
    rows
}

/// `sum = sum + addend` for some elements; with a norm of the addend, for some rows.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn add<L: F32x16>(sum: &mut [f32], addend: &[f32], norm: Option<Norm<'_>>) {
    assert!(sum.len() == addend.len());
    let Some(norm) = norm else {
        // SAFETY: the machine has the instructions.
        return unsafe { add_as_it_is::<L>(sum, addend) };
    };
    let width = norm.gain.len();
    assert!(sum.len().is_multiple_of(width.max(1)));
    in_fours!(first of sum.len() / width.max(1), N => {
        // SAFETY: both have these rows; the machine has the instructions.
        unsafe {
            let rows = rows_from(addend.as_ptr(), first, width);
            for (i, factor) in factors::<L, N>(rows, width, norm.epsilon).into_iter().enumerate() {
                add_scaled(&mut sum[(first + i) * width..][..width], &addend[(first + i) * width..][..width], factor, norm.gain);
            }
        }
    });
}

#[inline(always)]
unsafe fn add_as_it_is<L: F32x16>(sum: &mut [f32], addend: &[f32]) {
    let whole = sum.len() / LANES * LANES;
    // SAFETY: within the slices, which are of one length; the machine has the instructions.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            L::load(sum.as_ptr().add(i)).add(L::load(addend.as_ptr().add(i))).store(sum.as_mut_ptr().add(i));
        }
    }
    sum[whole..].iter_mut().zip(&addend[whole..]).for_each(|(sum, addend)| *sum += addend);
}

/// `sum = sum + addend * factor * gain` for one row.
#[inline(always)]
unsafe fn add_scaled<L: F32x16>(sum: &mut [f32], addend: &[f32], factor: L, gain: &[f32]) {
    let whole = sum.len() / LANES * LANES;
    // SAFETY: within the slices, which are of one length; the machine has the instructions.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            let normed = L::load(addend.as_ptr().add(i)).mul(factor).mul(L::load(gain.as_ptr().add(i)));
            L::load(sum.as_ptr().add(i)).add(normed).store(sum.as_mut_ptr().add(i));
        }
        if whole < sum.len() {
            let last = load_some::<L>(&addend[whole..]).mul(factor).mul(load_some(&gain[whole..]));
            store_some(load_some::<L>(&sum[whole..]).add(last), &mut sum[whole..]);
        }
    }
}
