//! Norms, rotations and operations on single elements.

use hefu_numerics::functions::{self, Real};
use hefu_numerics::ops::{Activation, Norm, RopePairs, Rotation};

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

/// The factor of clause N for one row, in all lanes.
#[inline(always)]
unsafe fn norm_factor<L: Lanes>(row: &[f32], epsilon: f32) -> L {
    // SAFETY: whole chunks have 16 numbers; the instructions are the caller's duty.
    unsafe {
        let mut stripes = L::splat(0.0);
        let mut chunks = row.chunks_exact(LANES);
        for x in &mut chunks {
            let x = L::load(x.as_ptr());
            stripes = x.fma(x, stripes);
        }
        // Stripes past the end of the row add 0 * 0 to a sum that is no -0: nothing.
        let x: L = load_some(chunks.remainder());
        stripes = x.fma(x, stripes);
        let mean = stripes.tree_sum() / row.len() as f32;
        L::splat(1.0 / (mean + epsilon).sqrt())
    }
}

/// Clause N for one row.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rms_norm<L: Lanes>(norm: &Norm<'_>, input: &[f32], output: &mut [f32]) {
    assert!(input.len() == norm.gain.len() && output.len() == input.len());
    // SAFETY: all three are of one length; the instructions are the caller's duty.
    unsafe {
        let factor = norm_factor::<L>(input, norm.epsilon);
        scale(input.as_ptr(), factor, norm.gain, output.as_mut_ptr());
    }
}

/// `to = from * factor * gain` for one row; both may be the same.
///
/// # Safety
/// The machine has the instructions of `L`; both are valid for as many numbers as the gain has.
#[inline(always)]
unsafe fn scale<L: Lanes>(from: *const f32, factor: L, gain: &[f32], to: *mut f32) {
    let whole = gain.len() / LANES * LANES;
    // SAFETY: the caller's duty.
    unsafe {
        for i in (0..whole).step_by(LANES) {
            L::load(from.add(i)).mul(factor).mul(L::load(gain.as_ptr().add(i))).store(to.add(i));
        }
        for (i, gain) in gain.iter().enumerate().skip(whole) {
            *to.add(i) = *from.add(i) * factor.to_array()[0] * gain;
        }
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

/// Results of two products, and where what is made of them goes.
pub struct GateRows {
    /// The function.
    pub activation: Activation,
    /// `[tokens][gate_stride]`.
    pub gate: *const f32,
    /// Numbers from one token's to the next one's.
    pub gate_stride: usize,
    /// `[tokens][width]`.
    pub up: *const f32,
    /// Rows of both, a multiple of 16.
    pub width: usize,
    /// How many of them count.
    pub count: usize,
    /// Tokens.
    pub tokens: usize,
    /// The first of `count` numbers of the first token; it may be where the gate's is.
    pub output: *mut f32,
    /// Numbers from one token's to the next one's.
    pub stride: usize,
}

/// `output = activation(gate) * up` for some rows of all tokens.
///
/// # Safety
/// The machine has the instructions of `L`; the pointers are valid for the shape, whose `width` is a multiple of 16.
#[inline(always)]
pub unsafe fn gate_rows<L: Lanes>(job: &GateRows) {
    for token in 0..job.tokens {
        for i in (0..job.count).step_by(LANES) {
            // SAFETY: the caller's duty.
            unsafe {
                let value = functions::activation(job.activation, L::load(job.gate.add(token * job.gate_stride + i)));
                let value = value.mul(L::load(job.up.add(token * job.width + i)));
                let to = job.output.add(token * job.stride + i);
                match job.count - i {
                    LANES.. => value.store(to),
                    some => store_some(value, std::slice::from_raw_parts_mut(to, some)),
                }
            }
        }
    }
}

/// `sum = sum + addend` for some elements; with a norm of the addend, for one row.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn add<L: Lanes>(sum: &mut [f32], addend: &[f32], norm: Option<Norm<'_>>) {
    assert!(sum.len() == addend.len() && norm.is_none_or(|norm| norm.gain.len() == sum.len()));
    let whole = sum.len() / LANES * LANES;
    // SAFETY: within the slices, which are of one length; the instructions are the caller's duty.
    unsafe {
        let Some(norm) = norm else {
            for i in (0..whole).step_by(LANES) {
                L::load(sum.as_ptr().add(i)).add(L::load(addend.as_ptr().add(i))).store(sum.as_mut_ptr().add(i));
            }
            sum[whole..].iter_mut().zip(&addend[whole..]).for_each(|(sum, addend)| *sum += addend);
            return;
        };
        let factor = norm_factor::<L>(addend, norm.epsilon);
        for i in (0..whole).step_by(LANES) {
            let normed = L::load(addend.as_ptr().add(i)).mul(factor).mul(L::load(norm.gain.as_ptr().add(i)));
            L::load(sum.as_ptr().add(i)).add(normed).store(sum.as_mut_ptr().add(i));
        }
        let last = load_some::<L>(&addend[whole..]).mul(factor).mul(load_some(&norm.gain[whole..]));
        store_some(load_some::<L>(&sum[whole..]).add(last), &mut sum[whole..]);
    }
}

/// Clause P for the heads of token `row`, after a norm if there is one.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rope<L: Lanes>(rotation: &Rotation<'_>, row: usize, heads: &mut [f32]) {
    let half = rotation.cosines.len() / rotation.tokens;
    let (cosines, sines) = (&rotation.cosines[row * half..][..half], &rotation.sines[row * half..][..half]);
    for head in heads.chunks_exact_mut(rotation.head_size) {
        // SAFETY: the instructions are the caller's duty.
        unsafe {
            if let Some(norm) = &rotation.norm {
                assert_eq!(head.len(), norm.gain.len());
                let factor = norm_factor::<L>(head, norm.epsilon);
                let head = head.as_mut_ptr();
                scale(head, factor, norm.gain, head);
            }
            rotate::<L>(head, cosines, sines, rotation.pairs);
        }
    }
}

/// Clause P for one head.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
unsafe fn rotate<L: Lanes>(head: &mut [f32], cosines: &[f32], sines: &[f32], pairs: RopePairs) {
    let half = cosines.len();
    let whole = if pairs == RopePairs::Halves { half / LANES * LANES } else { 0 };
    assert!(2 * half <= head.len() && sines.len() == half);
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
