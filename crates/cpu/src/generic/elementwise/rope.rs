//! Rotations of heads by their positions (clause P), after a norm if there is one.

use crate::ops::{RopeStyle, Rotation};
use hefu_numerics::functions::Real;

use super::in_fours;
use super::norm::{factors, rows_from, scale};
use crate::generic::lanes::{F32x16, LANES};

/// Clause P for the heads of some tokens from token `first` on, after a norm if there is one. `heads`:
/// `[tokens][per_token][head_size]`.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rope<L: F32x16>(rotation: &Rotation<'_>, first: usize, per_token: usize, heads: &mut [f32]) {
    let size = rotation.head_size;
    assert!(heads.len().is_multiple_of(size * per_token));
    let Some(norm) = &rotation.norm else {
        for (token, heads) in heads.chunks_exact_mut(size * per_token).enumerate() {
            let (cosines, sines) = columns(rotation, first + token);
            for head in heads.chunks_exact_mut(size) {
                // SAFETY: the machine has the instructions.
                unsafe { rotate::<L>(head, None, cosines, sines, rotation.pairs) };
            }
        }
        return;
    };
    assert_eq!(size, norm.gain.len());
    in_fours!(head of heads.len() / size, N => {
        let heads = &mut heads[head * size..][..N * size];
        // SAFETY: the machine has the instructions; the heads are there.
        unsafe {
            let factors: [L; N] = factors(rows_from(heads.as_ptr(), 0, size), size, norm.epsilon);
            for (i, (one, factor)) in heads.chunks_exact_mut(size).zip(factors).enumerate() {
                let (cosines, sines) = columns(rotation, first + (head + i) / per_token);
                rotate(one, Some((factor, norm.gain)), cosines, sines, rotation.pairs);
            }
        }
    });
}

/// A token's cosines and sines.
#[inline(always)]
fn columns<'a>(rotation: &Rotation<'a>, token: usize) -> (&'a [f32], &'a [f32]) {
    let half = rotation.cosines.len() / rotation.tokens;
    (&rotation.cosines[token * half..][..half], &rotation.sines[token * half..][..half])
}

/// Clause P for one head, whose elements are multiplied with a factor and their gain before.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
unsafe fn rotate<L: F32x16>(
    head: &mut [f32],
    norm: Option<(L, &[f32])>,
    cosines: &[f32],
    sines: &[f32],
    pairs: RopeStyle,
) {
    let half = cosines.len();
    assert!(2 * half <= head.len() && sines.len() == half);
    let is_whole = pairs == RopeStyle::NeoX && half.is_multiple_of(LANES);
    // SAFETY: the machine has the instructions.
    unsafe {
        if is_whole {
            rotate_whole(head, norm, cosines, sines);
        }
        let done = if is_whole { 2 * half } else { 0 };
        if let Some((factor, gain)) = norm {
            let rest = head[done..].as_mut_ptr();
            scale(rest, factor, &gain[done..], rest);
        }
    }
    if !is_whole {
        rotate_each(head, cosines, sines, pairs);
    }
}

/// Pairs of halves, as many as fill registers.
#[inline(always)]
unsafe fn rotate_whole<L: F32x16>(head: &mut [f32], norm: Option<(L, &[f32])>, cosines: &[f32], sines: &[f32]) {
    let half = cosines.len();
    for i in (0..half).step_by(LANES) {
        // SAFETY: `i + 16 <= half`, and a head holds at least twice that; the machine has the instructions.
        unsafe {
            let (mut x, mut y) = (L::load(head.as_ptr().add(i)), L::load(head.as_ptr().add(half + i)));
            if let Some((factor, gain)) = norm {
                x = x.mul(factor).mul(L::load(gain.as_ptr().add(i)));
                y = y.mul(factor).mul(L::load(gain.as_ptr().add(half + i)));
            }
            let (cosine, sine) = (L::load(cosines.as_ptr().add(i)), L::load(sines.as_ptr().add(i)));
            x.fma(cosine, y.mul(sine).neg()).store(head.as_mut_ptr().add(i));
            x.fma(sine, y.mul(cosine)).store(head.as_mut_ptr().add(half + i));
        }
    }
}

/// One pair after the other.
#[inline(always)]
fn rotate_each(head: &mut [f32], cosines: &[f32], sines: &[f32], pairs: RopeStyle) {
    let half = cosines.len();
    for i in 0..half {
        let (a, b) = match pairs {
            RopeStyle::NeoX => (i, i + half),
            RopeStyle::Interleaved => (2 * i, 2 * i + 1),
        };
        let (x, y) = (head[a], head[b]);
        head[a] = Real::fma(x, cosines[i], -(y * sines[i]));
        head[b] = Real::fma(x, sines[i], y * cosines[i]);
    }
}
