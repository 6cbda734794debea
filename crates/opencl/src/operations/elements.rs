//! Norms, and operations on elements.

use hefu_numerics::program::{Factor, Op, RopeStyle, Value};

use super::{B, F, L, U, function};
use crate::driver::{Argument, Fault, GROUP};
use crate::runner::{Pass, Runner};

impl Runner {
    /// Norms (clauses N1 to N3): a group for each part.
    pub(super) fn norm(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let (x, size, gain, bias, epsilon, out) = match *op {
            Op::RmsNorm { x, size, gain, epsilon, out } => (x, size, gain, None, epsilon, out),
            Op::LayerNorm { x, size, gain, bias, epsilon, out } => (x, size, gain, bias, epsilon, out),
            Op::L2Norm { x, size, epsilon, out } => (x, size, None, None, epsilon, out),
            _ => return Ok(()),
        };
        let groups = pass.rows * self.width(x) / size;
        let (from, to) = (self.at(pass, x), self.at(pass, out));
        let memory = &self.memory;
        let gained = gain.map_or(&memory.nothing, |gain| self.weights.numbers(gain));
        let biased = bias.map_or(&memory.nothing, |bias| self.weights.numbers(bias));
        let (has_gain, has_bias) = (u32::from(gain.is_some()), u32::from(bias.is_some()));
        let items = [groups * GROUP, 1, 1];
        if let Op::LayerNorm { .. } = op {
            let of = [B(&memory.arena), B(gained), B(biased), L(from), L(to), U(size as u32)];
            let all = of.into_iter().chain([U(has_gain), U(has_bias), F(epsilon)]).collect::<Vec<_>>();
            return self.queue.launch("layer_norm", items, &all);
        }
        let is_length = u32::from(matches!(op, Op::L2Norm { .. }));
        let of = [B(&memory.arena), B(gained), L(from), L(to), U(size as u32), U(has_gain), U(is_length), F(epsilon)];
        self.queue.launch("rms_norm", items, &of)
    }

    /// Operations on whole rows (clauses N4 and N5): a group for each row.
    pub(super) fn by_rows(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let (name, inputs, number, out) = match *op {
            Op::MatchMagnitude { x, like, floor, out } => ("match_magnitude", vec![x, like], floor, out),
            Op::GaussianTopK { x, deviations, out } => ("gaussian_top_k", vec![x], deviations, out),
            _ => return Ok(()),
        };
        let values = inputs.iter().chain([&out]).map(|value| L(self.at(pass, *value)));
        let all = [B(&self.memory.arena)].into_iter().chain(values).chain([U(self.width(out) as u32), F(number)]);
        let all: Vec<Argument<'_>> = all.collect();
        self.queue.launch(name, [pass.rows * GROUP, 1, 1], &all)
    }

    /// One item for each element that is written.
    pub(super) fn of_elements(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        match *op {
            Op::Gate { gate, up, activation, out } => {
                let kind = U(function(Some(activation)));
                self.elements("gate", pass, &[gate, up], out, &[kind])
            }
            Op::Add { a, b, out } => self.elements("add", pass, &[a, b], out, &[]),
            Op::SoftCap { x, cap, out } => self.elements("soft_cap", pass, &[x], out, &[F(cap)]),
            Op::Activate { x, activation, out } => {
                self.elements("activate", pass, &[x], out, &[U(function(Some(activation)))])
            }
            Op::Scale { x, by: Factor::Constant(factor), out } => {
                self.elements("scale_by", pass, &[x], out, &[F(factor)])
            }
            Op::Slice { x, head, first, size, out } => {
                let shape = [head, first, size].map(|number| U(number as u32));
                self.elements("slice", pass, &[x], out, &shape)
            }
            Op::Rotate { x, head, first, style, angles, out } => {
                let (width, pairs) = (self.width(x), self.width(angles) / 2);
                let shape = [width, head, first, pairs, usize::from(style == RopeStyle::Interleaved)];
                self.elements("rotate_heads", pass, &[x, angles], out, &shape.map(|number| U(number as u32)))
            }
            Op::Scale { x, by, out } => self.scale(pass, x, by, out),
            Op::Decay { x, rate, bias, out } => {
                let (width, count) = (self.width(x), pass.rows * self.width(x));
                let part = width / self.program.weight(rate).shape.columns();
                let (from, to, arena) = (self.at(pass, x), self.at(pass, out), &self.memory.arena);
                let [rate, bias] = [rate, bias].map(|weight| B(self.weights.numbers(weight)));
                let counts = [count, width, part].map(|number| U(number as u32));
                let all: Vec<_> = [B(arena), rate, bias, L(from), L(to)].into_iter().chain(counts).collect();
                self.queue.launch("decay", [count, 1, 1], &all)
            }
            Op::Join { ref parts, heads, out } => self.join(pass, parts, heads, out),
            Op::Select { x, out } => {
                let (width, wanted) = (self.program.value(x).numbers(), self.tables.wanted);
                let (count, from, to) = (pass.rows * width, self.at(pass, x), self.at(pass, out));
                let memory = &self.memory;
                let of =
                    [B(&memory.arena), B(&memory.batch), U(wanted), L(from), L(to), U(count as u32), U(width as u32)];
                self.queue.launch("select_rows", [count, 1, 1], &of)
            }
            _ => Ok(()),
        }
    }

    /// A kernel that takes the arena, where its inputs and its result lie, how many elements that has, and what else is said.
    fn elements(
        &mut self,
        name: &'static str,
        pass: &Pass<'_>,
        inputs: &[Value],
        out: Value,
        others: &[Argument<'_>],
    ) -> Result<(), Fault> {
        let count = pass.rows * self.width(out);
        let values = inputs.iter().chain([&out]).map(|value| L(self.at(pass, *value)));
        let all = [B(&self.memory.arena)].into_iter().chain(values).chain([U(count as u32)]);
        let all: Vec<Argument<'_>> = all.chain(others.iter().copied()).collect();
        self.queue.launch(name, [count, 1, 1], &all)
    }

    /// Factors of weights or values (clause F8).
    fn scale(&mut self, pass: &Pass<'_>, x: Value, by: Factor, out: Value) -> Result<(), Fault> {
        let (width, count) = (self.width(x), pass.rows * self.width(x));
        let (factors, first, number, stride) = match by {
            Factor::Value(value) => {
                let number = self.width(value);
                (&self.memory.arena, self.at(pass, value), number, number)
            }
            Factor::Weight(weight) => (self.weights.numbers(weight), 0, self.program.weight(weight).shape.columns(), 0),
            Factor::Constant(_) => return Ok(()),
        };
        let (from, to) = (self.at(pass, x), self.at(pass, out));
        let counts = [count, width, width / number, stride].map(|number| U(number as u32));
        let of = [B(&self.memory.arena), B(factors), L(first), L(from), L(to)];
        let all: Vec<_> = of.into_iter().chain(counts).collect();
        self.queue.launch("scale", [count, 1, 1], &all)
    }

    /// One part after the other (clause C2).
    fn join(&mut self, pass: &Pass<'_>, parts: &[Value], heads: usize, out: Value) -> Result<(), Fault> {
        let (total, to) = (self.width(out) / heads, self.at(pass, out));
        let mut first = 0;
        for part in parts {
            let (size, count) = (self.width(*part) / heads, pass.rows * self.width(*part));
            let from = self.at(pass, *part);
            let counts = [count, size, total, first].map(|number| U(number as u32));
            let all: Vec<_> = [B(&self.memory.arena), L(from), L(to)].into_iter().chain(counts).collect();
            self.queue.launch("join", [count, 1, 1], &all)?;
            first += size;
        }
        Ok(())
    }
}
