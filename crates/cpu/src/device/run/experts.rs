//! A mixture of experts (clause E).
//!
//! Experts are visited in ascending order with all their rows at once, so that each expert's weights are read once per
//! batch; a row's sum does not depend on who shares the batch.

use crate::prepared::Input;
use hefu_numerics::program::{Op, RouteRule, Value, Weight};
use hefu_numerics::reference::route;

use super::products::{GatedPart, Workshop};
use super::{Call, Machine};
use crate::device::machine::Choice;

impl Machine {
    /// The chosen experts of every row, and their weights.
    pub(super) fn route(&mut self, call: &Call<'_>, scores: Value, rule: &RouteRule, out: Value) {
        let experts = self.width(scores);
        let length = call.rows * self.width(out);
        let mut place = self.take_out(call, out);
        let scores = &self.rows(call, scores)[..call.rows * experts];
        let vectors = [rule.bias, rule.factors].map(|vector| vector.map(|vector| &self.weights.vector(vector)[..]));
        route(scores, experts, rule, vectors, place.as_rows(length));
        self.put_back(call, out, place);
    }

    /// What the chosen experts make of every row, weighed and added.
    pub(super) fn experts(&mut self, call: &Call<'_>, op: &Op) {
        let Op::Experts { x, choices, gate, up, down, biases, activation, out } = *op else { return };
        let (from, to) = (self.width(x), self.width(out));
        let mut place = self.take_out(call, out);
        let mut chosen = std::mem::take(&mut self.experts.choices);
        self.sort_choices(call, choices, &mut chosen);
        let sums = place.as_rows(call.rows * to);
        sums.fill(0.0);
        let Machine { ops, kernels, team, weights, values, scratch, inner, experts: buffers, .. } = self;
        let rows = values[call.places.of(x)].rows().expect("experts read rows as they are");
        let mut workshop = Workshop { ops, kernels, team: &**team, scratch, inner };
        for chosen in chosen.chunk_by(|a, b| a.expert == b.expert) {
            let input = buffers.input.sized(chosen.len() * from);
            for (choice, input) in chosen.iter().zip(input.chunks_exact_mut(from)) {
                input.copy_from_slice(&rows[choice.row * from..][..from]);
            }
            let output = buffers.output.sized(chosen.len() * to);
            let expert = chosen[0].expert;
            let side = |weight: Weight, bias: Option<Weight>| {
                let matrix = &weights.stack(weight)[expert];
                let bias = bias.map(|bias| &weights.numbers(bias)[expert * matrix.rows..][..matrix.rows]);
                (matrix, bias)
            };
            let gate = gate.map(|gate| side(gate, biases[0]));
            let part = GatedPart { gate, up: side(up, biases[1]), down: side(down, biases[2]), activation };
            workshop.gated(&part, &[], Input::Rows(input), chosen.len(), output);
            for (choice, output) in chosen.iter().zip(output.chunks_exact(to)) {
                let sum = &mut sums[choice.row * to..][..to];
                sum.iter_mut().zip(output).for_each(|(sum, &y)| *sum = choice.weight.mul_add(y, *sum));
            }
        }
        self.experts.choices = chosen;
        self.put_back(call, out, place);
    }

    /// All rows' choices, by expert and row.
    fn sort_choices(&self, call: &Call<'_>, choices: Value, chosen: &mut Vec<Choice>) {
        chosen.clear();
        let used = self.width(choices);
        let choices = &self.rows(call, choices)[..call.rows * used];
        for (row, choices) in choices.chunks_exact(used).enumerate() {
            let choice = |choice: &[f32]| Choice { expert: choice[0] as usize, row, weight: choice[1] };
            chosen.extend(choices.chunks_exact(2).map(choice));
        }
        chosen.sort_unstable_by_key(|choice| (choice.expert, choice.row));
    }
}
