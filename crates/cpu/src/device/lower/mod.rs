//! From a program's operations to steps.
//!
//! The patterns, each tried at every operation in this order; what stands between brackets may be missing:
//!
//! | operations | step |
//! | --- | --- |
//! | linear, linear, gate, linear | `Gated`: nothing of the inner width need go to memory |
//! | linear …, all of one input | `Linear`: the input is quantised once |
//! | norm of heads, rotate | `Rotate` |
//! | [norm], add, [norm] | `Add`: a row is still near when it is needed again |
//!
//! Values that are read in between, or asked for as probes, are left alone: then the operations stay apart.

mod patterns;
mod step;

use std::collections::{HashMap, HashSet};

use hefu_numerics::program::{Op, Program, Rows, Section, Value, Weight};

pub(in crate::device) use step::{Add, Gain, Gated, Kind, NextNorm, Product, Rotate, Step};

/// For which batches operations are lowered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::device) enum Mode {
    /// Every row is wanted: selecting is nothing.
    Full,
    /// Some rows are wanted, or none.
    Narrow,
}

/// A section as steps.
pub(in crate::device) struct Lowered {
    pub(in crate::device) steps: Vec<Step>,
    /// Its result.
    pub(in crate::device) output: Value,
    /// Values that are others: the selected rows of a value where all are selected.
    same: HashMap<Value, Value>,
}

/// A section on its way to steps.
struct Lowering<'a> {
    program: &'a Program,
    operations: Vec<(Rows, Op)>,
    /// Number of operations that read a value.
    readers: HashMap<Value, usize>,
    /// Values that must be there at the end.
    kept: &'a HashSet<Value>,
}

/// Lowers a section. `kept`: values that are asked for after it.
pub(in crate::device) fn lower(program: &Program, section: &Section, mode: Mode, kept: &HashSet<Value>) -> Lowered {
    let (operations, same) = operations(program, section, mode);
    let output = resolve(&same, section.output);
    let mut readers = HashMap::new();
    for (_, op) in &operations {
        op.inputs().into_iter().for_each(|value| *readers.entry(value).or_default() += 1);
    }
    let kept = kept.iter().chain([&output]).map(|value| resolve(&same, *value)).collect();
    let steps = Lowering { program, operations, readers, kept: &kept }.steps();
    Lowered { steps, output, same }
}

/// The value that a value is.
fn resolve(same: &HashMap<Value, Value>, value: Value) -> Value {
    same.get(&value).copied().unwrap_or(value)
}

/// The operations of a section with the rows that they work on. Where all rows are wanted, those of a value are the value.
fn operations(program: &Program, section: &Section, mode: Mode) -> (Vec<(Rows, Op)>, HashMap<Value, Value>) {
    let mut same: HashMap<Value, Value> = HashMap::new();
    let mut operations = Vec::with_capacity(section.steps.len());
    for step in &section.steps {
        let mut op = step.op.clone();
        op.each_input(&mut |value| *value = resolve(&same, *value));
        match op {
            Op::Select { x, out } if mode == Mode::Full => _ = same.insert(out, x),
            op => {
                let own = op.output().map_or(Rows::All, |value| program.value(value).rows);
                let rows = if mode == Mode::Full { Rows::All } else { own };
                operations.push((rows, op));
            }
        }
    }
    (operations, same)
}

impl Lowering<'_> {
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut at = 0;
        while at < self.operations.len() {
            let (count, kind) = self.step_at(at);
            // Rows are selected before whatever they are selected for.
            let is_select = |op: &Op| matches!(op, Op::Select { .. });
            let window = &self.operations[at..at + count];
            for (rows, op) in window.iter().filter(|(_, op)| count > 1 && is_select(op)) {
                steps.push(self.finished(*rows, self.single(op), vec![op.clone()]));
            }
            let operations: Vec<Op> =
                window.iter().map(|(_, op)| op.clone()).filter(|op| count == 1 || !is_select(op)).collect();
            let rows = window.last().map_or(Rows::All, |(rows, _)| *rows);
            steps.push(self.finished(rows, kind, operations));
            at += count;
        }
        self.resolve_readers(&mut steps);
        link_prefetches(&mut steps);
        steps
    }

    fn finished(&self, rows: Rows, kind: Kind, operations: Vec<Op>) -> Step {
        let name = self.name(&operations);
        Step { rows, kind, prefetch: Vec::new(), operations, name }
    }

    /// The names of the operations.
    fn name(&self, operations: &[Op]) -> String {
        operations.iter().map(|op| self.program.step_name(op)).collect::<Vec<_>>().join(" + ")
    }

    /// Resolves the only reader of the norm of a sum: then it can be made in the form in which that product reads it.
    fn resolve_readers(&self, steps: &mut [Step]) {
        for index in 0..steps.len() {
            let (before, later) = steps.split_at_mut(index + 1);
            let Some(Step { kind: Kind::Add(Add { after: Some(after), .. }), rows, .. }) = before.last_mut() else {
                continue;
            };
            let mut readers = later.iter().filter(|step| step.kind.reads().contains(&after.out));
            let (Some(reader), None) = (readers.next(), readers.next()) else { continue };
            if reader.rows == *rows && !self.kept.contains(&after.out) {
                after.readers = reader.kind.weights().unwrap_or_default();
                if let Kind::Gated { gated, .. } = &reader.kind {
                    after.inner = Some(self.program.weight(gated.gate.weight).shape.rows());
                }
            }
        }
    }
}

/// Each product says what the next one reads.
fn link_prefetches(steps: &mut [Step]) {
    let mut next: Vec<_> = Vec::new();
    for step in steps.iter_mut().rev() {
        match step.kind.weights() {
            Some(weights) => step.prefetch = std::mem::replace(&mut next, weights),
            // Its products are many, and which of them nobody knows yet.
            None if matches!(step.kind, Kind::Plain(Op::Experts { .. })) => next.clear(),
            None => {}
        }
    }
}

impl Lowered {
    /// The value that a value is here.
    pub(in crate::device) fn resolve(&self, value: Value) -> Value {
        resolve(&self.same, value)
    }

    /// The weights of its first product.
    pub(in crate::device) fn first_weights(&self) -> Vec<Weight> {
        self.steps.iter().find_map(|step| step.kind.weights()).unwrap_or_default()
    }

    /// Has the last product say that these are read next.
    pub(in crate::device) fn prefetch_last(&mut self, weights: &[Weight]) {
        if let Some(last) = self.steps.iter_mut().rev().find(|step| step.kind.weights().is_some()) {
            last.prefetch = weights.to_vec();
        }
    }
}
