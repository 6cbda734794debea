//! Steps that work on every row by itself.

use std::sync::Arc;

use crate::ops::{AddNorms, FusedNorm, Rotation};
use hefu_numerics::program::{Factor, Op, Rows, Value};
use hefu_numerics::reference::{join, temperature};

use super::products::is_one_piece;
use super::{Call, Machine, is_in_planes, matrices, norm};
use crate::device::angles;
use crate::device::lower::{Add, Gain, Rotate};
use crate::generic::elementwise::Rowwise;
use crate::generic::parallel::elementwise::by_rows;

impl Machine {
    pub(super) fn elementwise(&mut self, call: &Call<'_>, op: &Op) {
        match *op {
            Op::Embed { table, scale, out } => self.make(call, out, |machine, rows| {
                let table = machine.weights.matrix(table);
                (machine.ops.rows)(&*machine.team, table, call.rowset.batch.tokens, scale, rows);
            }),
            Op::Rows { table, at, out } => self.make(call, out, |machine, rows| {
                let spans = call.rowset.batch.spans.iter();
                let which: Vec<u32> = spans.flat_map(|span| span.table_rows(at)).collect();
                (machine.ops.rows)(&*machine.team, machine.weights.matrix(table), &which, 1.0, rows);
            }),
            Op::Temperature { length, factor, out } => self.make(call, out, |_, rows| {
                temperature(length, factor, &call.rowset.positions(), rows);
            }),
            Op::Inject { input, out } => self.inject(call, input.into(), out),
            Op::Angles { rope, out } => self.make(call, out, |machine, rows| {
                let frequencies = &machine.program.ropes[rope.0 as usize];
                angles::fill(&*machine.team, frequencies, &call.rowset.positions(), rows);
            }),
            Op::RmsNorm { x, size, gain, epsilon, out } => self.make(call, out, |machine, rows| {
                let input = &machine.rows(call, x)[..rows.len()];
                let norm = norm(&machine.weights, &Gain { gain, size, epsilon });
                (machine.ops.rms_norm)(&*machine.team, norm, input, rows);
            }),
            Op::Gate { gate, up, activation, out } => self.change(call, gate, out, |machine, rows| {
                let up = &machine.rows(call, up)[..rows.len()];
                (machine.ops.gate)(&*machine.team, activation, rows, up);
            }),
            Op::Select { x, out } => self.select(call, x, out),
            Op::Slice { x, head, first, size, out } => self.make(call, out, |machine, rows| {
                let heads = machine.rows(call, x).chunks_exact(head);
                heads
                    .zip(rows.chunks_exact_mut(size))
                    .for_each(|(x, out)| out.copy_from_slice(&x[first..first + size]));
            }),
            Op::Join { ref parts, heads, out } => self.make(call, out, |machine, rows| {
                let part = |value: &Value| (machine.rows(call, *value), machine.width(*value) / heads);
                let parts: Vec<(&[f32], usize)> = parts.iter().map(part).collect();
                join(&parts, rows);
            }),
            _ => self.by_rows(call, op),
        }
    }

    /// Operations on rows by themselves that few models have.
    fn by_rows(&mut self, call: &Call<'_>, op: &Op) {
        match *op {
            Op::LayerNorm { x, size, gain, bias, epsilon, out } => {
                let [gain, bias] =
                    [gain, bias].map(|weight| weight.map(|weight| Arc::clone(self.weights.vector(weight))));
                let (gain, bias) = (gain.as_deref(), bias.as_deref());
                self.rowwise(call, x, out, &Rowwise::LayerNorm { size, gain, bias, epsilon });
            }
            Op::L2Norm { x, size, epsilon, out } => self.rowwise(call, x, out, &Rowwise::L2Norm { size, epsilon }),
            Op::MatchMagnitude { x, like, floor, out } => {
                let width = self.width(x);
                let like = self.rows(call, like)[..call.rows * width].to_vec();
                self.rowwise(call, x, out, &Rowwise::MatchMagnitude { width, like: &like, floor });
            }
            Op::GaussianTopK { x, deviations, out } => {
                let width = self.width(x);
                self.rowwise(call, x, out, &Rowwise::GaussianTopK { width, deviations });
            }
            Op::Activate { x, activation, out } => self.rowwise(call, x, out, &Rowwise::Activate(activation)),
            Op::SoftCap { x, cap, out } => self.rowwise(call, x, out, &Rowwise::SoftCap(cap)),
            Op::Scale { x, by, out } => self.scale(call, x, by, out),
            Op::Decay { x, rate, bias, out } => {
                let (rate, bias) = (Arc::clone(self.weights.vector(rate)), Arc::clone(self.weights.vector(bias)));
                self.rowwise(call, x, out, &Rowwise::Decay { rate: &rate, bias: &bias });
            }
            _ => unreachable!("done elsewhere"),
        }
    }

    /// Rows of a value from those of another one; threads take some each.
    fn rowwise(&mut self, call: &Call<'_>, x: Value, out: Value, job: &Rowwise<'_>) {
        let width = self.width(out);
        self.make(call, out, |machine, rows| {
            let x = &machine.rows(call, x)[..rows.len()];
            by_rows(&*machine.team, rows, width, &|at, rows| {
                // SAFETY: these kernels are handed out only where their instructions are.
                unsafe { (machine.kernels.rowwise)(job, at / width, &x[at..][..rows.len()], rows) };
            });
        });
    }

    fn scale(&mut self, call: &Call<'_>, x: Value, by: Factor, out: Value) {
        let width = self.width(x);
        match by {
            Factor::Constant(factor) => {
                self.rowwise(call, x, out, &Rowwise::Scale { width, factors: &[factor], count: 1 });
            }
            Factor::Weight(weight) => {
                let factors = Arc::clone(self.weights.vector(weight));
                self.rowwise(call, x, out, &Rowwise::Scale { width, factors: &factors, count: factors.len() });
            }
            Factor::Value(value) => {
                let count = self.width(value);
                let factors = self.rows(call, value)[..call.rows * count].to_vec();
                self.rowwise(call, x, out, &Rowwise::Scale { width, factors: &factors, count });
            }
        }
    }

    /// Makes the rows of a value.
    fn make(&mut self, call: &Call<'_>, out: Value, make: impl FnOnce(&Machine, &mut [f32])) {
        let length = call.rows * self.width(out);
        let mut place = self.take_out(call, out);
        make(self, place.as_rows(length));
        self.put_back(call, out, place);
    }

    /// Makes the rows of a value from those of another one, in whose place they lie or are copied to.
    fn change(&mut self, call: &Call<'_>, x: Value, out: Value, change: impl FnOnce(&Machine, &mut [f32])) {
        let length = call.rows * self.width(out);
        let mut place = self.take_out(call, out);
        if call.places.of(x) == call.places.of(out) {
            change(self, &mut place.rows_mut().expect("what is changed in place is rows")[..length]);
        } else {
            let rows = place.as_rows(length);
            rows.copy_from_slice(&self.rows(call, x)[..length]);
            change(self, rows);
        }
        self.put_back(call, out, place);
    }

    fn inject(&mut self, call: &Call<'_>, input: usize, out: Value) {
        let (width, planes) = (self.width(out), is_in_planes(self.program.value(out).kind));
        let given = call.rowset.batch.inputs.get(input).copied().unwrap_or_default();
        self.make(call, out, |_, rows| {
            if !planes {
                return rows.copy_from_slice(given);
            }
            let (pairs, count) = (width / 2, rows.len() / width.max(1));
            let (cosines, sines) = rows.split_at_mut(count * pairs);
            for (row, given) in given.chunks_exact(width).enumerate() {
                cosines[row * pairs..][..pairs].copy_from_slice(&given[..pairs]);
                sines[row * pairs..][..pairs].copy_from_slice(&given[pairs..]);
            }
        });
    }

    pub(super) fn rotate(&mut self, call: &Call<'_>, rotate: &Rotate) {
        let Rotate { norm: gain, x, head, first, style, angles, out } = rotate;
        let pairs = self.width(*angles) / 2;
        self.change(call, *x, *out, |machine, heads| {
            let (cosines, sines) = machine.rows(call, *angles)[..2 * call.rows * pairs].split_at(call.rows * pairs);
            let norm = gain.as_ref().map(|gain| norm(&machine.weights, gain));
            let rotation = Rotation { tokens: call.rows, head_size: *head, norm, pairs: *style, cosines, sines };
            if *first == 0 {
                return (machine.ops.rope)(&*machine.team, &rotation, heads);
            }
            // The rotated elements of every head, by themselves and back.
            let rotated = 2 * pairs;
            let part = |head: &[f32]| head[*first..first + rotated].to_vec();
            let mut parts: Vec<f32> = heads.chunks_exact(*head).flat_map(part).collect();
            (machine.ops.rope)(&*machine.team, &Rotation { head_size: rotated, ..rotation }, &mut parts);
            for (head, part) in heads.chunks_exact_mut(*head).zip(parts.chunks_exact(rotated)) {
                head[*first..first + rotated].copy_from_slice(part);
            }
        });
    }

    pub(super) fn add(&mut self, call: &Call<'_>, add: &Add) {
        let (a, b, out, before, after) = (add.a, add.b, add.out, add.before.as_ref(), add.after.as_ref());
        let mut normed = after.map(|after| self.take_out(call, after.out));
        self.change(call, a, out, |machine, sum| {
            let addend = &machine.rows(call, b)[..sum.len()];
            let readers = after.map_or_else(Vec::new, |after| {
                let is_whole = after.inner.is_none_or(|inner| is_one_piece(call.rows, inner));
                matrices(&machine.weights, if is_whole { &after.readers } else { &[] })
            });
            let after = after.zip(normed.as_mut()).map(|(after, output)| FusedNorm {
                norm: norm(&machine.weights, &after.gain),
                output,
                readers: &readers,
            });
            let before = before.map(|gain| norm(&machine.weights, gain));
            (machine.ops.add)(&*machine.team, sum, addend, AddNorms { before, after });
        });
        if let Some((after, normed)) = after.zip(normed) {
            self.put_back(call, after.out, normed);
        }
    }

    /// Moves the wanted rows to the front, or copies them.
    fn select(&mut self, call: &Call<'_>, x: Value, out: Value) {
        debug_assert!(call.step.rows == Rows::Wanted);
        let (width, wanted) = (self.width(x), &call.rowset.wanted);
        let planes = is_in_planes(self.program.value(x).kind);
        // Two planes of half rows are as many runs of rows, one behind the other.
        let (width, runs) = if planes { (width / 2, 2) } else { (width, 1) };
        let places = (0..runs).flat_map(|run| wanted.iter().map(move |row| run * call.rowset.rows + row));
        if call.places.of(x) == call.places.of(out) {
            let mut place = self.take_out(call, out);
            let rows = place.rows_mut().expect("what rows are selected of is rows");
            // Ascending, so that none is written over before it was moved.
            for (to, from) in places.enumerate() {
                rows.copy_within(from * width..(from + 1) * width, to * width);
            }
            return self.put_back(call, out, place);
        }
        self.make(call, out, |machine, rows| {
            let all = machine.rows(call, x);
            for (to, from) in rows.chunks_exact_mut(width.max(1)).zip(places) {
                to.copy_from_slice(&all[from * width..][..width]);
            }
        });
    }
}
