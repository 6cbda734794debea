//! A mixture of experts (clause E).
//!
//! ```text
//! choices     sorted by expert and row
//! results     [choices][outputs]: each expert's for all its rows at once, so that its weights are read once per batch
//! sums        of each row, by ascending expert
//! ```
//!
//! A row's sum does not depend on who shares the batch.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::activations::Activations;
use crate::ops::{Alone, Team};
use hefu_numerics::program::{Op, RouteRule, Value, Weight};
use hefu_numerics::reference::route;

use super::products::{GatedPart, Workshop};
use super::{Call, Machine};
use crate::device::machine::{Bench, Choice, ExpertBuffers};
use crate::generic::parallel::elementwise::by_rows;
use crate::generic::parallel::{Shared, parallel_for, parallel_ranges};

/// Fewest rows whose experts are chosen by several threads: one takes some microseconds.
const MIN_PARALLEL_ROUTES: usize = 8;

/// Fewest experts for each thread that are assigned whole.
const EXPERTS_PER_THREAD: usize = 8;

impl Machine {
    /// The chosen experts of every row, and their weights.
    pub(super) fn route(&mut self, call: &Call<'_>, scores: Value, rule: &RouteRule, out: Value) {
        let (experts, width) = (self.width(scores), self.width(out));
        let mut place = self.take_out(call, out);
        let scores = &self.rows(call, scores)[..call.rows * experts];
        let vectors = [rule.bias, rule.factors].map(|vector| vector.map(|vector| &self.weights.vector(vector)[..]));
        let routes = Shared::new(place.as_rows(call.rows * width).as_mut_ptr());
        let choose = |rows: Range<usize>, _: usize| {
            // SAFETY: no two ranges have a row in common; all lie within the place, which stays borrowed.
            let routes = unsafe { std::slice::from_raw_parts_mut(routes.at(rows.start * width), rows.len() * width) };
            route(&scores[rows.start * experts..rows.end * experts], experts, rule, vectors, routes);
        };
        if call.rows < MIN_PARALLEL_ROUTES {
            choose(0..call.rows, 0);
        } else {
            parallel_ranges(&*self.team, call.rows, &choose);
        }
        self.put_back(call, out, place);
    }

    /// Weighted sum of the chosen experts' results, for every row.
    pub(super) fn experts(&mut self, call: &Call<'_>, op: &Op) {
        let Op::Experts { x, choices, out, .. } = *op else { return };
        let (to, used) = (self.width(out), self.width(choices) / 2);
        let mut place = self.take_out(call, out);
        let ExpertBuffers { choices: mut chosen, output: mut results, mut benches } = std::mem::take(&mut self.experts);
        self.sort_choices(call, choices, &mut chosen);
        benches.resize_with(self.team.threads(), Mutex::default);
        let all = Chosen { machine: self, op, rows: self.rows(call, x), chosen: &chosen };
        let made = results.sized(chosen.len() * to);
        all.run(&benches, call.rows, made);
        weighed_sums(self, &chosen, used, made, place.as_rows(call.rows * to));
        self.experts = ExpertBuffers { choices: chosen, output: results, benches };
        self.put_back(call, out, place);
    }

    /// All rows' choices, by expert and row.
    fn sort_choices(&self, call: &Call<'_>, choices: Value, chosen: &mut Vec<Choice>) {
        chosen.clear();
        let width = self.width(choices);
        let choices = &self.rows(call, choices)[..call.rows * width];
        for (place, choice) in choices.chunks_exact(2).enumerate() {
            let row = place / (width / 2);
            chosen.push(Choice { expert: choice[0] as usize, row, place, weight: choice[1] });
        }
        chosen.sort_unstable_by_key(|choice| (choice.expert, choice.row));
    }
}

/// The experts of a call, with what they read.
struct Chosen<'a> {
    machine: &'a Machine,
    op: &'a Op,
    rows: &'a [f32],
    /// By expert and row.
    chosen: &'a [Choice],
}

impl Chosen<'_> {
    /// Works out what each choice makes of its row: `results` are in the order of the choices.
    ///
    /// Many experts are assigned to the threads, each of which then works alone from one end of an expert to the other: nobody
    /// waits for anybody between products, and gathering rows is shared too. Of few experts each is all threads' work.
    fn run(&self, benches: &[Mutex<Bench>], rows: usize, results: &mut [f32]) {
        let to = results.len() / self.chosen.len().max(1);
        let mut rest = results;
        let mut experts: Vec<(&[Choice], &mut [f32])> = Vec::new();
        for chosen in self.chosen.chunk_by(|a, b| a.expert == b.expert) {
            let (output, others) = rest.split_at_mut(chosen.len() * to);
            rest = others;
            experts.push((chosen, output));
        }
        if !is_dealt(&experts, rows, benches.len()) {
            let mut bench = lock(&benches[0]);
            experts.into_iter().for_each(|(chosen, out)| self.expert(chosen, &*self.machine.team, &mut bench, out));
            return;
        }
        // The largest first: the last ones should be small, as others wait for them.
        experts.sort_by_key(|(chosen, _)| Reverse(chosen.len()));
        let experts: Vec<_> = experts.into_iter().map(Mutex::new).collect();
        parallel_for(&*self.machine.team, experts.len(), &|index, thread| {
            let (chosen, output) = &mut *lock(&experts[index]);
            self.expert(chosen, &Alone, &mut lock(&benches[thread]), output);
        });
    }

    /// One expert's results.
    fn expert(&self, chosen: &[Choice], team: &dyn Team, bench: &mut Bench, output: &mut [f32]) {
        let Op::Experts { x, gate, up, down, biases, activation, .. } = *self.op else { return };
        let (machine, from) = (self.machine, self.machine.width(x));
        let Bench { input, scratch, inner } = bench;
        let input = input.sized(chosen.len() * from);
        for (choice, input) in chosen.iter().zip(input.chunks_exact_mut(from)) {
            input.copy_from_slice(&self.rows[choice.row * from..][..from]);
        }
        let expert = chosen[0].expert;
        let side = |weight: Weight, bias: Option<Weight>| {
            let matrix = &machine.weights.stack(weight)[expert];
            let bias = bias.map(|bias| &machine.weights.numbers(bias)[expert * matrix.rows..][..matrix.rows]);
            (matrix, bias)
        };
        let gate = gate.map(|gate| side(gate, biases[0]));
        let part = GatedPart { gate, up: side(up, biases[1]), down: side(down, biases[2]), activation };
        let mut workshop = Workshop { ops: machine.ops, kernels: machine.kernels, team, scratch, inner };
        workshop.gated(&part, &[], Activations::Rows(input), chosen.len(), output);
    }
}

/// Takes what one thread alone asks for; no panic leaves anything in it that matters.
fn lock<T>(own: &Mutex<T>) -> MutexGuard<'_, T> {
    own.lock().unwrap_or_else(PoisonError::into_inner)
}

/// True if experts with these choices, of so many rows, are assigned to so many threads, instead of the rows of each one's
/// matrices: where each thread gets the same, or so much that the last expert matters little. All threads together gather no
/// more rows than one would for a single expert, which is what memory is stated by.
fn is_dealt(experts: &[(&[Choice], &mut [f32])], rows: usize, threads: usize) -> bool {
    let chosen = || experts.iter().map(|(chosen, _)| chosen.len());
    let (largest, all) = (chosen().max().unwrap_or(0), chosen().sum::<usize>());
    if threads == 1 || largest * threads > rows.max(threads) {
        return false;
    }
    let is_even = experts.len().is_multiple_of(threads) && experts.len() * largest == all;
    let many = EXPERTS_PER_THREAD * threads;
    is_even || (experts.len() >= many && largest * many <= all)
}

/// Clause E3: every row's results, weighed and added, by ascending expert.
fn weighed_sums(machine: &Machine, chosen: &[Choice], used: usize, results: &[f32], sums: &mut [f32]) {
    let to = results.len() / chosen.len().max(1);
    let mut order = vec![0; chosen.len()];
    for (index, choice) in chosen.iter().enumerate() {
        order[choice.place] = index;
    }
    by_rows(&*machine.team, sums, to, &|at, sums| {
        let mut parts = Vec::with_capacity(used);
        for (row, sum) in (at / to..).zip(sums.chunks_exact_mut(to)) {
            parts.clear();
            let own = order[row * used..][..used].iter();
            parts.extend(own.map(|&index| (chosen[index].weight, &results[index * to..][..to])));
            // SAFETY: these kernels are handed out only where their instructions are; all have the length of a row.
            unsafe { (machine.kernels.weighed_sum)(&parts, sum) };
        }
    });
}
