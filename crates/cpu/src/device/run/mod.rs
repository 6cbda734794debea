//! Steps on a batch.

mod elementwise;
mod experts;
mod products;
mod rowset;
mod scans;
mod states;

use std::collections::HashSet;

use crate::activations::ActivationBuffer;
use crate::ops::Norm;
use hefu_numerics::device::Work;
use hefu_numerics::matrix::Matrix;
use hefu_numerics::program::{Amount, Kind as ValueKind, Op, Rows, Value, Weight, work};

use super::arena::Places;
use super::lower::{Gain, Kind, Step};
use super::machine::Machine;
use super::weights::CpuWeights;

pub(super) use products::rows_at_once;
pub(super) use rowset::Rowset;

/// A step where its values lie.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    step: &'a Step,
    places: &'a Places,
    rowset: &'a Rowset<'a>,
    /// Rows that the step works on.
    rows: usize,
    /// True if its products look for numbers that are none.
    looks: bool,
}

impl Machine {
    /// Runs a step. `looks`: whether its products note numbers that are none.
    pub(super) fn step(&mut self, step: &Step, places: &Places, rowset: &Rowset<'_>, looks: bool) {
        let call = Call { step, places, rowset, rows: rowset.count(step.rows), looks };
        match &step.kind {
            Kind::Linear { x, products } => self.linear(&call, *x, products),
            Kind::Gated { x, gated } => self.gated(&call, *x, gated),
            Kind::Rotate(rotate) => self.rotate(&call, rotate),
            Kind::Add(add) => self.add(&call, add),
            Kind::Plain(op) => self.plain(&call, op),
        }
    }

    /// One operation by itself.
    fn plain(&mut self, call: &Call<'_>, op: &Op) {
        match *op {
            Op::HeadLinear { x, weight, out } => self.head_linear(call, x, weight, out),
            Op::Route { scores, rule, out } => self.route(call, scores, &rule, out),
            Op::Experts { .. } => self.experts(call, op),
            Op::AttendWhole { .. } => self.attend_whole(call, op),
            Op::StoreKv { .. }
            | Op::Attend { .. }
            | Op::ShortConv { .. }
            | Op::GatedDelta { .. }
            | Op::SelectiveScan { .. }
            | Op::TokenShift { .. }
            | Op::Wkv7 { .. } => self.with_state(call, op),
            _ => self.elementwise(call, op),
        }
    }

    /// Takes a value's place out, with room for its rows; to be put back.
    fn take_out(&mut self, call: &Call<'_>, value: Value) -> ActivationBuffer {
        std::mem::take(&mut self.values[call.places.of(value)])
    }

    fn put_back(&mut self, call: &Call<'_>, value: Value, place: ActivationBuffer) {
        self.values[call.places.of(value)] = place;
    }

    fn width(&self, value: Value) -> usize {
        self.program.value(value).numbers()
    }

    /// Work of a step.
    pub(super) fn work(&self, step: &Step, places: &Places, rowset: &Rowset<'_>) -> Work {
        let bytes = |weight: Weight| self.weights.stack(weight).iter().map(|matrix| matrix.range.len()).sum();
        let mut all = Work::default();
        for op in &step.operations {
            let which = op.output().map_or(Rows::All, |value| self.program.value(value).rows);
            let experts = match op {
                Op::Experts { choices, .. } => {
                    let rows = rowset.count(which) * self.width(*choices);
                    let choices = self.values[places.of(*choices)].rows().map_or(&[][..], |choices| &choices[..rows]);
                    let chosen: HashSet<usize> = choices.chunks_exact(2).map(|choice| choice[0] as usize).collect();
                    chosen.len()
                }
                _ => 0,
            };
            let spans = rowset.batch.spans;
            all += work(&self.program, op, &Amount { rows: rowset.count(which), which, spans, experts, bytes: &bytes });
        }
        all
    }

    /// The rows of a value that a step reads.
    fn rows<'m>(&'m self, call: &Call<'_>, value: Value) -> &'m [f32] {
        let width = self.width(value);
        let all = self.values[call.places.of(value)].rows().expect("only products read values in another form");
        let start = call.rowset.start(value) * width;
        &all[start..]
    }
}

/// The norm that a step does.
fn norm<'w>(weights: &'w CpuWeights, gain: &Gain) -> Norm<'w> {
    let numbers = gain.gain.map_or_else(|| weights.ones(gain.size), |gain| &weights.vector(gain)[..]);
    Norm { gain: numbers, epsilon: gain.epsilon }
}

/// True for values whose rows lie in two planes, as angles do.
fn is_in_planes(kind: ValueKind) -> bool {
    kind == ValueKind::Angles
}

/// The matrices of some weights.
fn matrices<'w>(weights: &'w CpuWeights, all: &[Weight]) -> Vec<&'w Matrix> {
    all.iter().map(|weight| weights.matrix(*weight)).collect()
}
