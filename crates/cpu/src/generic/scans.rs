//! Selective scans and the generalised delta rule of RWKV-7 (clauses D6 and D8): row after row of one sequence, side by
//! side over channels and columns.

use hefu_numerics::functions;

use super::elementwise::{load_some, store_some};
use super::lanes::{F32x16, LANES};

/// Some channels of a selective scan, over consecutive rows of one sequence.
pub struct ScanJob<'a> {
    /// `[rows][channels]`.
    pub x: &'a [f32],
    /// `[rows][channels]`.
    pub steps: &'a [f32],
    /// `[rows][numbers]`.
    pub keys: &'a [f32],
    /// `[rows][numbers]`.
    pub queries: &'a [f32],
    /// `[numbers][channels]`.
    pub rates: &'a [f32],
    /// All channels.
    pub channels: usize,
    /// Those of this job, at most 16.
    pub own: std::ops::Range<usize>,
    /// `[numbers][channels]`, moved on.
    pub state: *mut f32,
    /// `[rows][channels]`.
    pub out: *mut f32,
}

/// Moves the job's channels on and reads them, row after row.
///
/// # Safety
/// The machine has the instructions of `L`; `state` and `out` are valid for what their fields say, and nobody else touches
/// these channels of them.
#[inline(always)]
pub unsafe fn selective_scan<L: F32x16>(job: &ScanJob<'_>) {
    let (channels, own) = (job.channels, &job.own);
    let (numbers, count) = (job.rates.len() / channels, own.len());
    for row in 0..job.x.len() / channels {
        // SAFETY: the machine has the instructions of `L`; `state` and `out` are valid for what their fields say, and
        // nobody else touches these channels of them; every access lies within the job's channels.
        unsafe {
            let load = |from: *const f32| {
                if count == LANES { L::load(from) } else { load_some::<L>(std::slice::from_raw_parts(from, count)) }
            };
            let store = |lanes: L, to: *mut f32| {
                if count == LANES {
                    lanes.store(to);
                } else {
                    store_some(lanes, std::slice::from_raw_parts_mut(to, count));
                }
            };
            let x = load(job.x[row * channels..][own.clone()].as_ptr());
            let step = load(job.steps[row * channels..][own.clone()].as_ptr());
            let (keys, queries) = (&job.keys[row * numbers..], &job.queries[row * numbers..]);
            let mut read = L::splat(0.0);
            for (n, (key, query)) in keys.iter().zip(queries).enumerate().take(numbers) {
                let place = job.state.add(n * channels + own.start);
                let rate = load(job.rates[n * channels..][own.clone()].as_ptr());
                let kept = load(place).mul(functions::exp(step.mul(rate)));
                let number = L::splat(*key).fma(x, kept);
                store(number, place);
                read = number.fma(L::splat(*query), read);
            }
            store(read, job.out.add(row * channels + own.start));
        }
    }
}

/// One head of the generalised delta rule, over consecutive rows of one sequence: the head's first numbers, which are
/// `stride` numbers from one row's to the next.
pub struct WkvJob<'a> {
    /// Rows.
    pub rows: usize,
    /// Queries, which read.
    pub queries: &'a [f32],
    /// Logarithms of what is kept.
    pub decay: &'a [f32],
    /// Keys by which values are taken up.
    pub keys: &'a [f32],
    /// Values that are taken up.
    pub values: &'a [f32],
    /// Keys whose values are given up.
    pub removal: &'a [f32],
    /// Rates of the removal.
    pub rates: &'a [f32],
    /// Numbers from one row's to the next.
    pub stride: usize,
    /// Elements of a head.
    pub size: usize,
    /// `[size][size]`, by key and value, moved on.
    pub state: *mut f32,
    /// The head's first result.
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
pub unsafe fn wkv7<L: F32x16>(job: &WkvJob<'_>) {
    for row in 0..job.rows {
        let mut column = 0;
        while column + COLUMNS * LANES <= job.size {
            // SAFETY: the machine has the instructions of `L`; `state` and `out` are valid for what their fields say,
            // and nobody else touches them; so many columns are there.
            unsafe { wkv_columns::<L, COLUMNS>(job, row, column, LANES) };
            column += COLUMNS * LANES;
        }
        while column < job.size {
            // SAFETY: as above.
            unsafe { wkv_columns::<L, 1>(job, row, column, LANES.min(job.size - column)) };
            column += LANES;
        }
    }
}

/// `N` sets of lanes of columns from `column` on, of which the last has `last` numbers.
#[inline(always)]
unsafe fn wkv_columns<L: F32x16, const N: usize>(job: &WkvJob<'_>, row: usize, column: usize, last: usize) {
    let of = |all| -> &[f32] {
        let all: &[f32] = all;
        &all[row * job.stride..][..job.size]
    };
    let (queries, decay, keys) = (of(job.queries), of(job.decay), of(job.keys));
    let (removal, rates, values) = (of(job.removal), of(job.rates), of(job.values));
    let size = if N == 1 { last } else { LANES };
    // SAFETY: the machine has the instructions; each place has as many numbers as there are columns.
    unsafe {
        let place = |k: usize, n: usize| job.state.add(k * job.size + column + n * LANES);
        let load = |from: *const f32| {
            if size == LANES { L::load(from) } else { load_some::<L>(std::slice::from_raw_parts(from, size)) }
        };
        let store = |lanes: L, to: *mut f32| {
            if size == LANES { lanes.store(to) } else { store_some(lanes, std::slice::from_raw_parts_mut(to, size)) }
        };
        let mut known = [L::splat(0.0); N];
        for (k, removal) in removal.iter().enumerate() {
            for (n, known) in known.iter_mut().enumerate() {
                *known = load(place(k, n)).fma(L::splat(*removal), *known);
            }
        }
        let given_up = known.map(|known| known.neg());
        let (mut read, mut taken) = ([L::splat(0.0); N], given_up);
        for (n, taken) in taken.iter_mut().enumerate() {
            *taken = load(values[column + n * LANES..].as_ptr());
        }
        for first in (0..job.size).step_by(LANES) {
            let some = first..job.size.min(first + LANES);
            let kept = functions::exp(load_some::<L>(&decay[some.clone()])).to_array();
            for k in some {
                let (kept, key, query) = (L::splat(kept[k - first]), L::splat(keys[k]), L::splat(queries[k]));
                let removed = L::splat(removal[k] * rates[k]);
                for n in 0..N {
                    let number = load(place(k, n)).mul(kept);
                    let number = key.fma(taken[n], removed.fma(given_up[n], number));
                    store(number, place(k, n));
                    read[n] = number.fma(query, read[n]);
                }
            }
        }
        let out = job.out.add(row * job.stride + column);
        for (n, read) in read.into_iter().enumerate() {
            store(read, out.add(n * LANES));
        }
    }
}
