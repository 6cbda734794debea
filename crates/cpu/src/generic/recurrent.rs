//! Short convolutions and the gated delta rule (clauses D2 and D4): row after row of one sequence, side by side over
//! channels and columns.

use hefu_numerics::functions;
use hefu_numerics::program::Activation;

use super::elementwise::{load_some, store_some};
use super::lanes::{F32x16, LANES};

/// Some channels of a short convolution, over consecutive rows of one sequence.
pub struct ConvJob<'a> {
    /// `[rows][channels]`.
    pub x: &'a [f32],
    /// `[taps][channels]`.
    pub kernel: &'a [f32],
    /// `[channels]`.
    pub bias: Option<&'a [f32]>,
    /// A function of the result.
    pub activation: Option<Activation>,
    /// All channels.
    pub channels: usize,
    /// Those of this job, at most 16.
    pub own: std::ops::Range<usize>,
    /// `[taps - 1][channels]`, moved on.
    pub state: *mut f32,
    /// `[rows][channels]`.
    pub out: *mut f32,
}

/// Convolves the job's channels.
///
/// # Safety
/// The machine has the instructions of `L`; `state` and `out` are valid for what their fields say, and nobody else touches
/// these channels of them.
#[inline(always)]
pub unsafe fn short_conv<L: F32x16>(job: &ConvJob<'_>) {
    let (channels, own) = (job.channels, &job.own);
    let taps = job.kernel.len() / channels;
    // SAFETY: the machine has the instructions of `L`; `state` and `out` are valid for what their fields say, and
    // nobody else touches these channels of them; every access lies within the job's channels.
    unsafe {
        for row in 0..job.x.len() / channels {
            let x = load_some::<L>(&job.x[row * channels..][own.clone()]);
            let mut sum = L::splat(0.0);
            for tap in 0..taps {
                let input = if tap + 1 < taps {
                    load_some::<L>(std::slice::from_raw_parts(job.state.add(tap * channels + own.start), own.len()))
                } else {
                    x
                };
                sum = load_some::<L>(&job.kernel[tap * channels..][own.clone()]).fma(input, sum);
            }
            if let Some(bias) = job.bias {
                sum = sum.add(load_some::<L>(&bias[own.clone()]));
            }
            if let Some(activation) = job.activation {
                sum = functions::activation(activation, sum);
            }
            store_some(sum, std::slice::from_raw_parts_mut(job.out.add(row * channels + own.start), own.len()));
            for tap in 1..taps {
                let from = if tap + 1 < taps {
                    job.state.add(tap * channels + own.start).cast_const()
                } else {
                    job.x[row * channels + own.start..].as_ptr()
                };
                std::ptr::copy(from, job.state.add((tap - 1) * channels + own.start), own.len());
            }
        }
    }
}

/// One value head of the gated delta rule, over consecutive rows of one sequence.
pub struct DeltaJob<'a> {
    /// Rows.
    pub rows: usize,
    /// The head's first query, and numbers from one row's to the next.
    pub queries: (&'a [f32], usize),
    /// The head's first key, alike.
    pub keys: (&'a [f32], usize),
    /// The head's first value, alike.
    pub values: (&'a [f32], usize),
    /// The head's first logarithm of what is kept, alike.
    pub decay: (&'a [f32], usize),
    /// The head's first correction, alike; nothing is corrected where there is none.
    pub beta: Option<(&'a [f32], usize)>,
    /// Elements of a key.
    pub key_size: usize,
    /// Elements of a value.
    pub value_size: usize,
    /// Factor of every result.
    pub scale: f32,
    /// `[key size][value size]`, moved on.
    pub state: *mut f32,
    /// The head's first result; as far from row to row as values.
    pub out: *mut f32,
}

/// Lanes of columns that go through the keys together.
const COLUMNS: usize = 4;

/// Moves one head's state on and reads it, row after row.
///
/// # Safety
/// The machine has the instructions of `L`; `state` and `out` are valid for what their fields say, and nobody else touches
/// them.
#[inline(always)]
pub unsafe fn gated_delta<L: F32x16>(job: &DeltaJob<'_>) {
    for row in 0..job.rows {
        let mut column = 0;
        while column + COLUMNS * LANES <= job.value_size {
            // SAFETY: the machine has the instructions of `L`; `state` and `out` are valid for what their fields say,
            // and nobody else touches them; so many columns are there.
            unsafe { delta_columns::<L, COLUMNS>(job, row, column, LANES) };
            column += COLUMNS * LANES;
        }
        while column < job.value_size {
            // SAFETY: as above.
            unsafe { delta_columns::<L, 1>(job, row, column, LANES.min(job.value_size - column)) };
            column += LANES;
        }
    }
}

/// `N` sets of lanes of columns from `column` on, of which the last has `last` numbers.
#[inline(always)]
unsafe fn delta_columns<L: F32x16, const N: usize>(job: &DeltaJob<'_>, row: usize, column: usize, last: usize) {
    let of = |(all, stride): (&[f32], usize)| all[row * stride];
    let size = if N == 1 { last } else { LANES };
    // SAFETY: the machine has the instructions; each place has as many numbers as there are columns.
    unsafe {
        let kept = L::splat(functions::exp(of(job.decay)));
        let (query, key) = (&job.queries.0[row * job.queries.1..], &job.keys.0[row * job.keys.1..]);
        let place = |k: usize, n: usize| job.state.add(k * job.value_size + column + n * LANES);
        let load = |from: *const f32| {
            if size == LANES { L::load(from) } else { load_some::<L>(std::slice::from_raw_parts(from, size)) }
        };
        let store = |lanes: L, to: *mut f32| {
            if size == LANES { lanes.store(to) } else { store_some(lanes, std::slice::from_raw_parts_mut(to, size)) }
        };
        let mut known = [L::splat(0.0); N];
        for (k, key) in key.iter().enumerate().take(job.key_size) {
            let factor = L::splat(*key);
            for (n, known) in known.iter_mut().enumerate() {
                let state = load(place(k, n)).mul(kept);
                store(state, place(k, n));
                *known = state.fma(factor, *known);
            }
        }
        let values = job.values.0[row * job.values.1 + column..].as_ptr();
        let mut corrections = known;
        for (n, correction) in corrections.iter_mut().enumerate() {
            let value = load(values.add(n * LANES));
            *correction = match job.beta {
                Some(beta) => value.sub(*correction).mul(L::splat(of(beta))),
                None => value,
            };
        }
        let mut read = [L::splat(0.0); N];
        for (k, (key, query)) in key.iter().zip(query).enumerate().take(job.key_size) {
            let (factor, query) = (L::splat(*key), L::splat(*query));
            for (n, read) in read.iter_mut().enumerate() {
                let state = factor.fma(corrections[n], load(place(k, n)));
                store(state, place(k, n));
                *read = state.fma(query, *read);
            }
        }
        let out = job.out.add(row * job.values.1 + column);
        for (n, read) in read.into_iter().enumerate() {
            store(L::splat(job.scale).mul(read), out.add(n * LANES));
        }
    }
}
