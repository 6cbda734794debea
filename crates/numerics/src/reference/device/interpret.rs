//! Each operation by its loop.

use super::executable::{Interpreter, Pass};
use crate::device::{Batch, Work};
use crate::program::{Amount, Factor, Op, Value, Weight, work};
use crate::reference;

impl Interpreter {
    /// Does one operation: what it writes takes the place of what was there from the batch before.
    pub(super) fn execute(&mut self, op: &Op, pass: &Pass<'_>) {
        let Some(value) = op.output() else { return self.store(op, pass) };
        let mut out = std::mem::take(&mut self.values[value.0 as usize]);
        out.clear();
        // Nothing may be left as it was.
        out.resize(pass.rows * self.program.value(value).numbers(), f32::NAN);
        self.with_batch(op, pass, &mut out);
        self.with_weights(op, &mut out);
        self.of_elements(op, &mut out);
        self.with_states(op, pass, &mut out);
        self.scans(op, pass, &mut out);
        if let Some(alter) = self.alter {
            alter(op, &super::Given { interpreter: self, rows: pass.rows }, &mut out);
        }
        self.values[value.0 as usize] = out;
    }

    /// Operations that read what the batch brings.
    fn with_batch(&self, op: &Op, pass: &Pass<'_>, out: &mut [f32]) {
        match *op {
            Op::Embed { table, scale, .. } => {
                reference::embed(self.weights.matrix(table), pass.batch.tokens, scale, out);
            }
            Op::Rows { table, at, .. } => {
                let rows: Vec<u32> = pass.batch.spans.iter().flat_map(|span| span.table_rows(at)).collect();
                reference::embed(self.weights.matrix(table), &rows, 1.0, out);
            }
            Op::Temperature { length, factor, .. } => {
                reference::temperature(length, factor, &positions(pass.batch), out);
            }
            Op::AttendWhole { .. } => self.attend_whole(op, pass.batch, out),
            Op::Inject { input, .. } => out.copy_from_slice(pass.batch.inputs[usize::from(input)]),
            Op::Angles { rope, .. } => {
                reference::angles(&self.program.ropes[rope.0 as usize], &positions(pass.batch), out);
            }
            Op::Select { x, .. } => {
                let width = self.program.value(x).numbers();
                let rows =
                    pass.batch.spans.iter().flat_map(|span| span.wanted.clone().map(|row| span.rows.start + row));
                for (row, out) in rows.zip(out.chunks_exact_mut(width)) {
                    out.copy_from_slice(&self.rows(x)[row * width..][..width]);
                }
            }
            _ => {}
        }
    }

    /// Operations with weights.
    fn with_weights(&self, op: &Op, out: &mut [f32]) {
        let vector = |weight: Option<Weight>| weight.map(|weight| self.weights.vector(weight));
        match *op {
            Op::RmsNorm { x, size, gain, epsilon, .. } => {
                reference::rms_norm(self.rows(x), size, vector(gain), epsilon, out);
            }
            Op::LayerNorm { x, size, gain, bias, epsilon, .. } => {
                reference::layer_norm(self.rows(x), size, vector(gain), vector(bias), epsilon, out);
            }
            Op::Linear { x, weight, bias, .. } => {
                reference::linear(self.rows(x), self.weights.matrix(weight), vector(bias), out);
            }
            Op::HeadLinear { x, weight, .. } => {
                reference::head_linear(self.rows(x), self.weights.stack(weight), out);
            }
            Op::Scale { x, by, .. } => self.scale(x, by, out),
            Op::Decay { x, rate, bias, .. } => {
                reference::decay(self.rows(x), self.weights.vector(rate), self.weights.vector(bias), out);
            }
            Op::Route { scores, rule, .. } => {
                reference::route(
                    self.rows(scores),
                    self.width(scores),
                    &rule,
                    [rule.bias, rule.factors].map(vector),
                    out,
                );
            }
            Op::Experts { x, choices, gate, up, down, biases, activation, .. } => {
                let ([up, down], gate) =
                    ([up, down].map(|weight| self.weights.stack(weight)), gate.map(|gate| self.weights.stack(gate)));
                let biases = biases.map(|bias| bias.map(|bias| self.weights.numbers(bias)));
                let biases = [&biases[0], &biases[1], &biases[2]].map(|bias| bias.as_deref());
                let experts = reference::Experts { gate, up, down, biases, activation };
                reference::experts(self.rows(x), self.rows(choices), self.width(choices), &experts, out);
            }
            _ => {}
        }
    }

    /// Each element times a factor.
    fn scale(&self, x: Value, by: Factor, out: &mut [f32]) {
        let (x, width) = (self.rows(x), self.width(x));
        match by {
            Factor::Constant(factor) => reference::scale(x, width, &[factor], 1, out),
            Factor::Weight(weight) => {
                let factors = self.weights.vector(weight);
                reference::scale(x, width, factors, factors.len(), out);
            }
            Factor::Value(value) => reference::scale(x, width, self.rows(value), self.width(value), out),
        }
    }

    /// Operations on elements.
    fn of_elements(&self, op: &Op, out: &mut [f32]) {
        match *op {
            Op::L2Norm { x, size, epsilon, .. } => reference::l2_norm(self.rows(x), size, epsilon, out),
            Op::MatchMagnitude { x, like, floor, .. } => {
                reference::match_magnitude(self.rows(x), self.rows(like), self.width(x), floor, out);
            }
            Op::GaussianTopK { x, deviations, .. } => {
                reference::gaussian_top_k(self.rows(x), self.width(x), deviations, out);
            }
            Op::Rotate { x, head, first, style, angles, .. } => {
                let pairs = self.program.value(angles).width / 2;
                reference::rotate(self.rows(x), head, first, style, self.rows(angles), pairs, out);
            }
            Op::Gate { gate, up, activation, .. } => {
                reference::gate(activation, self.rows(gate), self.rows(up), out);
            }
            Op::Add { a, b, .. } => reference::add(self.rows(a), self.rows(b), out),
            Op::SoftCap { x, cap, .. } => reference::soft_cap(self.rows(x), cap, out),
            Op::Activate { x, activation, .. } => reference::activate(activation, self.rows(x), out),
            Op::Slice { x, head, first, size, .. } => reference::slice(self.rows(x), head, first, size, out),
            Op::Join { ref parts, heads, .. } => {
                let parts: Vec<_> = parts.iter().map(|part| (self.rows(*part), self.width(*part) / heads)).collect();
                reference::join(&parts, out);
            }
            _ => {}
        }
    }

    /// The rows of a value.
    pub(super) fn rows(&self, value: Value) -> &[f32] {
        &self.values[value.0 as usize]
    }

    /// Numbers, or choices, of a row.
    fn width(&self, value: Value) -> usize {
        self.program.value(value).width
    }

    /// Work of an operation.
    pub(super) fn work(&self, op: &Op, pass: &Pass<'_>) -> Work {
        let bytes = |weight: Weight| super::weights::bytes(self.program.weight(weight)).unwrap_or(0);
        let experts = match op {
            Op::Experts { choices, .. } => {
                let mut chosen: Vec<usize> = self.rows(*choices).chunks(2).map(|choice| choice[0] as usize).collect();
                chosen.sort_unstable();
                chosen.dedup();
                chosen.len()
            }
            _ => 0,
        };
        let amount = Amount { rows: pass.rows, which: pass.rows_of, spans: pass.batch.spans, experts, bytes: &bytes };
        work(&self.program, op, &amount)
    }
}

/// The position of every row.
fn positions(batch: &Batch<'_>) -> Vec<usize> {
    batch.spans.iter().flat_map(|span| span.position..span.position + span.rows.len()).collect()
}
