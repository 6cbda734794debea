//! Steps that work on every row by itself.

use hefu_numerics::functions::tanh;
use hefu_numerics::ops::{After, Around, Rotation};
use hefu_numerics::program::{Rows, Value};

use super::products::is_one_piece;
use super::{Call, Machine, is_in_planes, matrices, norm};
use crate::device::angles;
use crate::device::lower::{Gain, Kind, NextNorm};

impl Machine {
    pub(super) fn elementwise(&mut self, call: &Call<'_>) {
        match &call.step.kind {
            Kind::Embed { table, scale, out } => self.make(call, *out, |machine, rows| {
                let table = machine.weights.matrix(*table);
                (machine.ops.rows)(&*machine.team, table, call.rowset.batch.tokens, *scale, rows);
            }),
            Kind::Inject { input, out } => self.inject(call, *input, *out),
            Kind::Angles { rope, out } => self.make(call, *out, |machine, rows| {
                angles::fill(&*machine.team, &machine.program.ropes[*rope], &call.rowset.positions(), rows);
            }),
            Kind::Norm { gain, x, out } => self.make(call, *out, |machine, rows| {
                let input = &machine.rows(call, *x)[..rows.len()];
                (machine.ops.rms_norm)(&*machine.team, norm(&machine.weights, gain), input, rows);
            }),
            Kind::Rotate { .. } => self.rotate(call),
            Kind::Gate { gate, up, activation, out } => self.change(call, *gate, *out, |machine, rows| {
                let up = &machine.rows(call, *up)[..rows.len()];
                (machine.ops.gate)(&*machine.team, *activation, rows, up);
            }),
            Kind::Add { a, b, before, out, after } => self.add(call, [*a, *b, *out], before.as_ref(), after.as_ref()),
            Kind::SoftCap { x, cap, out } => self.change(call, *x, *out, |_, rows| {
                rows.iter_mut().for_each(|x| *x = cap * tanh(*x / cap));
            }),
            Kind::Select { x, out } => self.select(call, *x, *out),
            _ => unreachable!("done elsewhere"),
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

    fn rotate(&mut self, call: &Call<'_>) {
        let Kind::Rotate { norm: gain, x, head, first, style, angles, out } = &call.step.kind else { return };
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

    fn add(&mut self, call: &Call<'_>, [a, b, out]: [Value; 3], before: Option<&Gain>, after: Option<&NextNorm>) {
        let mut normed = after.map(|after| self.take_out(call, after.out));
        self.change(call, a, out, |machine, sum| {
            let addend = &machine.rows(call, b)[..sum.len()];
            let readers = after.map_or_else(Vec::new, |after| {
                let is_whole = after.inner.is_none_or(|inner| is_one_piece(call.rows, inner));
                matrices(&machine.weights, if is_whole { &after.readers } else { &[] })
            });
            let after = after.zip(normed.as_mut()).map(|(after, output)| After {
                norm: norm(&machine.weights, &after.gain),
                output,
                readers: &readers,
            });
            let before = before.map(|gain| norm(&machine.weights, gain));
            (machine.ops.add)(&*machine.team, sum, addend, Around { before, after });
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
