//! Norms, rotations and operations on single elements.

use hefu_numerics::functions::{self, Real};
use hefu_numerics::ops::{Activation, RopePairs};

use super::lanes::{LANES, Lanes};

/// Reads up to 16 numbers; the lanes past the end are zero.
#[inline(always)]
unsafe fn load_some<L: Lanes>(from: &[f32]) -> L {
    let mut some = [0.0; LANES];
    let count = from.len().min(LANES);
    some[..count].copy_from_slice(&from[..count]);
    // SAFETY: the instructions are the caller's duty; the array has 16 numbers.
    unsafe { L::load(some.as_ptr()) }
}

/// Writes the first lanes, as many as `to` takes.
#[inline(always)]
fn store_some<L: Lanes>(lanes: L, to: &mut [f32]) {
    let count = to.len().min(LANES);
    to[..count].copy_from_slice(&lanes.to_array()[..count]);
}

/// Clause N for one row.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rms_norm<L: Lanes>(input: &[f32], gain: &[f32], epsilon: f32, output: &mut [f32]) {
    // SAFETY: whole chunks have 16 numbers; the instructions are the caller's duty.
    unsafe {
        let mut stripes = L::splat(0.0);
        let mut chunks = input.chunks_exact(LANES);
        for x in &mut chunks {
            let x = L::load(x.as_ptr());
            stripes = x.fma(x, stripes);
        }
        // Stripes past the end of the row add 0 * 0 to a sum that is no -0: nothing.
        let x: L = load_some(chunks.remainder());
        stripes = x.fma(x, stripes);
        let mean = stripes.tree_sum() / input.len() as f32;
        let factor = L::splat(1.0 / (mean + epsilon).sqrt());
        let whole = input.len() / LANES * LANES;
        for i in (0..whole).step_by(LANES) {
            let x = L::load(input.as_ptr().add(i));
            x.mul(factor).mul(L::load(gain.as_ptr().add(i))).store(output.as_mut_ptr().add(i));
        }
        let last = load_some::<L>(&input[whole..]).mul(factor).mul(load_some(&gain[whole..]));
        store_some(last, &mut output[whole..]);
    }
}

/// `gate = activation(gate) * up` for some elements.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn gate<L: Lanes>(activation: Activation, gate: &mut [f32], up: &[f32]) {
    let whole = gate.len() / LANES * LANES;
    // SAFETY: within both slices, which are of one length; the instructions are the caller's duty.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            let value = functions::activation(activation, L::load(gate.as_ptr().add(i)));
            value.mul(L::load(up.as_ptr().add(i))).store(gate.as_mut_ptr().add(i));
        }
        let value = functions::activation(activation, load_some::<L>(&gate[whole..]));
        store_some(value.mul(load_some(&up[whole..])), &mut gate[whole..]);
    }
}

/// `sum = sum + addend` for some elements.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn add<L: Lanes>(sum: &mut [f32], addend: &[f32]) {
    let whole = sum.len() / LANES * LANES;
    // SAFETY: within both slices, which are of one length; the instructions are the caller's duty.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            L::load(sum.as_ptr().add(i)).add(L::load(addend.as_ptr().add(i))).store(sum.as_mut_ptr().add(i));
        }
    }
    for (sum, addend) in sum[whole..].iter_mut().zip(&addend[whole..]) {
        *sum += addend;
    }
}

/// Clause P for the heads of one token.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rope<L: Lanes>(heads: &mut [f32], head_size: usize, cosines: &[f32], sines: &[f32], pairs: RopePairs) {
    let half = cosines.len();
    let whole = if pairs == RopePairs::Halves { half / LANES * LANES } else { 0 };
    for head in heads.chunks_exact_mut(head_size) {
        for i in (0..whole).step_by(LANES) {
            // SAFETY: `i + 16 <= half`, and a head holds at least twice that; the instructions are the caller's duty.
            unsafe {
                let (x, y) = (L::load(head.as_ptr().add(i)), L::load(head.as_ptr().add(half + i)));
                let (cosine, sine) = (L::load(cosines.as_ptr().add(i)), L::load(sines.as_ptr().add(i)));
                x.fma(cosine, y.mul(sine).neg()).store(head.as_mut_ptr().add(i));
                x.fma(sine, y.mul(cosine)).store(head.as_mut_ptr().add(half + i));
            }
        }
        for i in whole..half {
            let (a, b) = match pairs {
                RopePairs::Halves => (i, i + half),
                RopePairs::Neighbours => (2 * i, 2 * i + 1),
            };
            let (x, y) = (head[a], head[b]);
            head[a] = Real::fma(x, cosines[i], -(y * sines[i]));
            head[b] = Real::fma(x, sines[i], y * cosines[i]);
        }
    }
}
