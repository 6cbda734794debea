//! Each operation by its kernels (`kernels/*.cl`), in the order of the program's list.

mod attention;
mod elements;
mod products;
mod recurrence;

use hefu_numerics::device::Batch;
use hefu_numerics::program::{Activation, Op, Value};

use crate::driver::{Argument, Fault};
use crate::runner::{Pass, Runner};

use Argument::{Buffer as B, F32 as F, U32 as U, U64 as L};

/// Numbers of functions in kernels (`kernels/numbers.cl`).
fn function(activation: Option<Activation>) -> u32 {
    match activation {
        Some(Activation::Silu) => 0,
        Some(Activation::Gelu) => 1,
        Some(Activation::Sigmoid) => 2,
        Some(Activation::Softplus) => 3,
        Some(Activation::Tanh) => 4,
        Some(Activation::GeluErf) => 5,
        Some(Activation::Relu) => 6,
        Some(Activation::SquaredRelu) => 7,
        Some(Activation::BoundedSilu) => 8,
        None => 9,
        Some(Activation::Elu) => 10,
    }
}

impl Runner {
    /// Does one operation.
    pub(crate) fn execute(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        match op {
            Op::Embed { .. } | Op::Rows { .. } | Op::Inject { .. } | Op::Angles { .. } | Op::Temperature { .. } => {
                self.of_batch(op, pass)
            }
            Op::RmsNorm { .. } | Op::LayerNorm { .. } | Op::L2Norm { .. } => self.norm(op, pass),
            Op::MatchMagnitude { .. } | Op::GaussianTopK { .. } => self.by_rows(op, pass),
            Op::Linear { .. } | Op::HeadLinear { .. } => self.product(op, pass),
            Op::Route { .. } => self.route(op, pass),
            Op::Experts { .. } => self.experts(op, pass),
            Op::StoreKv { .. } => self.store(op, pass),
            Op::Attend { .. } => self.attend(op, pass),
            Op::AttendWhole { .. } => self.attend_whole(op, pass),
            Op::ShortConv { .. }
            | Op::GatedDelta { .. }
            | Op::SelectiveScan { .. }
            | Op::TokenShift { .. }
            | Op::Wkv7 { .. } => self.advance(op, pass),
            _ => self.of_elements(op, pass),
        }
    }

    /// Numbers of a row of a value.
    fn width(&self, value: Value) -> usize {
        self.program.value(value).width
    }

    /// Operations on the batch's tokens and positions.
    fn of_batch(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let (table, rows, scale, out) = match *op {
            Op::Embed { table, scale, out } => (table, self.tables.tokens, scale, out),
            Op::Rows { table, at, out } => (table, self.tables.table_rows(at), 1.0, out),
            Op::Inject { input, out } => return self.fill(pass, out, pass.batch.inputs[usize::from(input)]),
            Op::Temperature { length, factor, out } => {
                let mut numbers = vec![0.0; pass.rows];
                hefu_numerics::reference::temperature(length, factor, &positions(pass.batch), &mut numbers);
                return self.fill(pass, out, &numbers);
            }
            Op::Angles { rope, out } => {
                let mut numbers = vec![0.0; pass.rows * self.width(out)];
                let frequencies = &self.program.ropes[rope.0 as usize];
                hefu_numerics::reference::angles(frequencies, &positions(pass.batch), &mut numbers);
                return self.fill(pass, out, &numbers);
            }
            _ => return Ok(()),
        };
        let (count, to) = (pass.rows * self.width(out), self.at(pass, out));
        let (_, matrix) = self.weights.matrix(table);
        let memory = &self.memory;
        let arguments = [B(&memory.arena), B(matrix), B(&memory.batch), U(rows), L(to), U(count as u32), F(scale)];
        self.queue.launch("embed", [count, 1, 1], &arguments)
    }

    /// Numbers of the host become a value.
    fn fill(&self, pass: &Pass<'_>, out: Value, numbers: &[f32]) -> Result<(), Fault> {
        self.queue.write(&self.memory.arena, self.at(pass, out) as usize * 4, numbers)
    }
}

/// The position of every row.
fn positions(batch: &Batch<'_>) -> Vec<usize> {
    batch.spans.iter().flat_map(|span| span.position..span.position + span.rows.len()).collect()
}
