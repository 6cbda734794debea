//! Steps that move on the states of later families: selective scans, token shifts and the generalised delta rule.

use std::ops::Range;

use hefu_numerics::program::{Op, Value};
use hefu_numerics::reference::token_shift;

use super::{Call, Machine};
use crate::generic::lanes::LANES;
use crate::generic::parallel::{Shared, parallel_for};
use crate::generic::scans::{ScanJob, WkvJob};

impl Machine {
    /// Rows `rows` of such a step. `state`: the numbers of their sequence; `out`: all rows.
    pub(super) fn scan(&self, call: &Call<'_>, op: &Op, rows: Range<usize>, state: &mut [f32], out: &mut [f32]) {
        let Some(width) = op.output().map(|value| self.width(value)) else { return };
        let out = &mut out[rows.start * width..rows.end * width];
        match *op {
            Op::SelectiveScan { .. } => self.selective_scan(call, op, &rows, state, out),
            Op::TokenShift { x, .. } => token_shift(self.some(call, x, &rows), state, out),
            Op::Wkv7 { .. } => self.wkv7(call, op, &rows, state, out),
            _ => {}
        }
    }

    /// Some rows of a value.
    fn some<'m>(&'m self, call: &Call<'_>, value: Value, rows: &Range<usize>) -> &'m [f32] {
        let width = self.width(value);
        &self.rows(call, value)[rows.start * width..rows.end * width]
    }

    /// Threads take channels.
    fn selective_scan(&self, call: &Call<'_>, op: &Op, rows: &Range<usize>, state: &mut [f32], out: &mut [f32]) {
        let Op::SelectiveScan { x, steps, keys, queries, rates, .. } = *op else { return };
        let channels = self.width(x);
        let [x, steps, keys, queries] = [x, steps, keys, queries].map(|value| self.some(call, value, rows));
        let rates = self.weights.kernel(rates);
        let (state, out) = (Shared::new(state.as_mut_ptr()), Shared::new(out.as_mut_ptr()));
        parallel_for(&*self.team, channels.div_ceil(LANES), &|index, _| {
            let own = index * LANES..channels.min((index + 1) * LANES);
            // SAFETY: these kernels are handed out only where their instructions are; jobs have no channel in common.
            unsafe {
                let (state, out) = (state.at(0), out.at(0));
                let job = ScanJob { x, steps, keys, queries, rates, channels, own, state, out };
                (self.kernels.selective_scan)(&job);
            }
        });
    }

    /// Threads take heads.
    fn wkv7(&self, call: &Call<'_>, op: &Op, rows: &Range<usize>, state: &mut [f32], out: &mut [f32]) {
        let Op::Wkv7 { inputs, heads, out: value, .. } = *op else { return };
        let (stride, size, count) = (self.width(value), self.width(value) / heads, rows.len());
        let all = inputs.all().map(|value| self.some(call, value, rows));
        let (state, out) = (Shared::new(state.as_mut_ptr()), Shared::new(out.as_mut_ptr()));
        if count == 0 {
            return;
        }
        parallel_for(&*self.team, heads, &|head, _| {
            let [queries, decay, keys, values, removal, rates] = all.map(|rows| &rows[head * size..]);
            // SAFETY: these kernels are handed out only where their instructions are; jobs have no head in common.
            unsafe {
                let (state, out) = (state.at(head * size * size), out.at(head * size));
                let rows = count;
                let job = WkvJob { rows, queries, decay, keys, values, removal, rates, stride, size, state, out };
                (self.kernels.wkv7)(&job);
            }
        });
    }
}
