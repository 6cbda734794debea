//! Operations on rows by themselves that few models have: each as its naive loop, sixteen numbers side by side.

use hefu_numerics::functions;
use hefu_numerics::program::Activation;

use super::{load_some, store_some};
use crate::generic::lanes::{F32x16, LANES};

/// Operations on rows.
pub enum Rowwise<'a> {
    /// Clause N2, for each so many numbers.
    L2Norm {
        /// Numbers of a norm.
        size: usize,
        /// Added to the sum of the squares.
        epsilon: f32,
    },
    /// Clause N3, for each so many numbers.
    LayerNorm {
        /// Numbers of a norm.
        size: usize,
        /// `[size]`; all 1 where there is none.
        gain: Option<&'a [f32]>,
        /// `[size]`; nothing is added where there is none.
        bias: Option<&'a [f32]>,
        /// Added to the variance.
        epsilon: f32,
    },
    /// Clause N4.
    MatchMagnitude {
        /// Numbers of a row.
        width: usize,
        /// `[rows][width]`.
        like: &'a [f32],
        /// The least that the mean of a row's squares counts as.
        floor: f32,
    },
    /// Clause N5.
    GaussianTopK {
        /// Numbers of a row.
        width: usize,
        /// Standard deviations above the mean.
        deviations: f32,
    },
    /// Clause F6.
    Activate(Activation),
    /// Clause F8.
    Scale {
        /// Numbers of a row.
        width: usize,
        /// `[rows][count]`, or `[count]` for all rows.
        factors: &'a [f32],
        /// Factors of a row.
        count: usize,
    },
    /// Clause D3.
    Decay {
        /// One for each of as many equal parts of a row.
        rate: &'a [f32],
        /// As long as a row.
        bias: &'a [f32],
    },
    /// Clause F7.
    SoftCap(f32),
}

/// Makes rows of others: `x` and `out` hold the same rows, of which `first` is the first.
///
/// # Safety
/// The machine has the instructions of `L`.
#[inline(always)]
pub unsafe fn rowwise<L: F32x16>(job: &Rowwise<'_>, first: usize, x: &[f32], out: &mut [f32]) {
    // SAFETY: the machine has the instructions of `L`.
    unsafe {
        match *job {
            Rowwise::L2Norm { .. }
            | Rowwise::LayerNorm { .. }
            | Rowwise::MatchMagnitude { .. }
            | Rowwise::GaussianTopK { .. } => norms::<L>(job, first, x, out),
            Rowwise::Activate(activation) => each::<L>(x, out, |_, x| functions::activation(activation, x)),
            Rowwise::SoftCap(cap) => {
                let cap = L::splat(cap);
                each::<L>(x, out, |_, x| cap.mul(functions::tanh(x.div(cap))));
            }
            Rowwise::Scale { width, factors, count } => {
                let part = width / count;
                for (part_index, (x, out)) in x.chunks_exact(part).zip(out.chunks_exact_mut(part)).enumerate() {
                    let at = if factors.len() == count { part_index % count } else { first * count + part_index };
                    let factor = L::splat(factors[at]);
                    each::<L>(x, out, |_, x| x.mul(factor));
                }
            }
            Rowwise::Decay { rate, bias } => {
                let part = bias.len() / rate.len();
                for (x, out) in x.chunks_exact(bias.len()).zip(out.chunks_exact_mut(bias.len())) {
                    for (head, rate) in rate.iter().enumerate() {
                        let (own, rate) = (head * part..(head + 1) * part, L::splat(*rate));
                        let bias = &bias[own.clone()];
                        each::<L>(&x[own.clone()], &mut out[own], |at, x| {
                            let bias = load_some::<L>(&bias[at..]);
                            rate.mul(functions::softplus(x.add(bias)))
                        });
                    }
                }
            }
        }
    }
}

/// Norms and others with a sum of each row or part: clauses N2 to N5.
///
/// # Safety
/// As [`rowwise`].
#[inline(always)]
unsafe fn norms<L: F32x16>(job: &Rowwise<'_>, first: usize, x: &[f32], out: &mut [f32]) {
    // SAFETY: what [`rowwise`] asks holds.
    unsafe {
        match *job {
            Rowwise::L2Norm { size, epsilon } => {
                for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
                    let factor = L::splat(1.0 / (sum_of_squares::<L>(x) + epsilon).sqrt());
                    each::<L>(x, out, |_, x| x.mul(factor));
                }
            }
            Rowwise::LayerNorm { size, gain, bias, epsilon } => {
                for (x, out) in x.chunks_exact(size).zip(out.chunks_exact_mut(size)) {
                    let (mean, variance) = mean_and_variance::<L>(x);
                    let (mean, factor) = (L::splat(mean), L::splat(1.0 / (variance + epsilon).sqrt()));
                    each::<L>(x, out, |at, x| {
                        let mut normed = x.sub(mean).mul(factor);
                        if let Some(gain) = gain {
                            normed = normed.mul(load_some(&gain[at..]));
                        }
                        bias.map_or(normed, |bias| normed.add(load_some(&bias[at..])))
                    });
                }
            }
            Rowwise::MatchMagnitude { width, like, floor } => {
                let like = like[first * width..].chunks_exact(width);
                for ((x, like), out) in x.chunks_exact(width).zip(like).zip(out.chunks_exact_mut(width)) {
                    let [own, target] = [x, like].map(|row| sum_of_squares::<L>(row) / width as f32);
                    let own = if own < floor { floor } else { own };
                    let factor = L::splat(target.sqrt() / own.sqrt());
                    each::<L>(x, out, |_, x| x.mul(factor));
                }
            }
            Rowwise::GaussianTopK { width, deviations } => {
                for (x, out) in x.chunks_exact(width).zip(out.chunks_exact_mut(width)) {
                    let (mean, variance) = mean_and_variance::<L>(x);
                    let cut = L::splat(mean + deviations * variance.sqrt());
                    each::<L>(x, out, |_, x| functions::activation(Activation::Relu, x.sub(cut)));
                }
            }
            _ => {}
        }
    }
}

/// The sum of the squares, in the order of the clauses.
#[inline(always)]
unsafe fn sum_of_squares<L: F32x16>(x: &[f32]) -> f32 {
    let whole = x.len() / LANES * LANES;
    // SAFETY: the machine has the instructions.
    unsafe {
        let mut stripes = L::splat(0.0);
        for chunk in x[..whole].chunks_exact(LANES) {
            let x = L::load(chunk.as_ptr());
            stripes = x.fma(x, stripes);
        }
        if whole < x.len() {
            // Lanes past the end of the row add 0 * 0 to a sum that is no -0: nothing.
            let x = load_some::<L>(&x[whole..]);
            stripes = x.fma(x, stripes);
        }
        stripes.tree_sum()
    }
}

/// The mean, and the mean of the squared differences from it.
#[inline(always)]
unsafe fn mean_and_variance<L: F32x16>(x: &[f32]) -> (f32, f32) {
    // SAFETY: the machine has the instructions; whole chunks have 16 numbers.
    unsafe {
        let mut stripes = L::splat(0.0);
        for chunk in x.chunks(LANES) {
            // Lanes past the end of the row add 0 to a sum that is no -0: nothing.
            stripes = stripes.add(load_some::<L>(chunk));
        }
        let mean = stripes.tree_sum() / x.len() as f32;
        let mut stripes = L::splat(0.0);
        for chunk in x.chunks(LANES) {
            let mut centred = [0.0; LANES];
            centred.iter_mut().zip(chunk).for_each(|(centred, x)| *centred = x - mean);
            let centred = L::load(centred.as_ptr());
            stripes = centred.fma(centred, stripes);
        }
        (mean, stripes.tree_sum() / x.len() as f32)
    }
}

/// Calls `make(at, numbers)` for up to 16 numbers at a time.
#[inline(always)]
unsafe fn each<L: F32x16>(x: &[f32], out: &mut [f32], make: impl Fn(usize, L) -> L) {
    for (index, (x, out)) in x.chunks(LANES).zip(out.chunks_mut(LANES)).enumerate() {
        // SAFETY: the machine has the instructions; whole chunks have 16 numbers.
        let x = unsafe { if x.len() == LANES { L::load(x.as_ptr()) } else { load_some::<L>(x) } };
        let made = make(index * LANES, x);
        if out.len() == LANES {
            // SAFETY: as above.
            unsafe { made.store(out.as_mut_ptr()) };
        } else {
            store_some(made, out);
        }
    }
}
