//! Matrix products, and mixtures of experts, which are products with chosen matrices.

use hefu_numerics::kv::BLOCK;
use hefu_numerics::program::{Op, Scoring, Value, Weight};

use super::{B, F, L, U, function};
use crate::driver::{Buffer, Fault};
use crate::places::outputs_of;
use crate::runner::{Pass, Runner};

/// Matrices of a stack that each row is multiplied with (`kernels/products.cl`).
#[derive(Debug, Clone, Copy)]
enum Which {
    /// There is one.
    One,
    /// Rows take turns, as the heads of a row do.
    Own { items: usize },
    /// The row's choice, of which each input row has so many (1 where inputs are rows of choices too).
    Chosen { at: u64, of_each: usize },
}

/// A product: where its inputs and its results begin, and how many rows of results there are.
#[derive(Debug, Clone, Copy)]
struct Product {
    weight: Weight,
    bias: Option<Weight>,
    x: u64,
    out: u64,
    rows: usize,
    which: Which,
}

/// The kernel for codes of so many bits.
fn kernel(bits: u32) -> &'static str {
    match bits {
        1 => "product_1",
        2 => "product_2",
        3 => "product_3",
        4 => "product_4",
        5 => "product_5",
        6 => "product_6",
        _ => "product_8",
    }
}

impl Runner {
    /// Clauses Q1 to Q5.
    pub(super) fn product(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let (x, product) = match *op {
            Op::Linear { x, weight, bias, out } => {
                let (from, out) = (self.at(pass, x), self.at(pass, out));
                (x, Product { weight, bias, x: from, out, rows: pass.rows, which: Which::One })
            }
            Op::HeadLinear { x, weight, out } => {
                let columns = self.program.weight(weight).shape.columns();
                let items = self.width(x) / columns;
                let (from, out) = (self.at(pass, x), self.at(pass, out));
                let (rows, which) = (pass.rows * items, Which::Own { items });
                (x, Product { weight, bias: None, x: from, out, rows, which })
            }
            _ => return Ok(()),
        };
        self.multiply(&product, Some(x))
    }

    /// Makes integers of what a product reads, unless they are there, and multiplies.
    fn multiply(&mut self, product: &Product, input: Option<Value>) -> Result<(), Fault> {
        let columns = self.program.weight(product.weight).shape.columns();
        let outputs = outputs_of(&self.program, product.weight);
        let (kind, _) = self.weights.matrix(product.weight);
        let inputs = match product.which {
            Which::Chosen { of_each, .. } => product.rows / of_each,
            _ => product.rows,
        };
        if kind <= 8 && (input.is_none() || self.quantised != input) {
            self.quantise(product.x, inputs, columns)?;
            self.quantised = input;
        }
        let (which, share, choices) = match product.which {
            Which::One => (0, 1, 0),
            Which::Own { items } => (1, items as u32, 0),
            Which::Chosen { at, of_each } => (2, of_each as u32, at),
        };
        let memory = &self.memory;
        let bias = product.bias.map_or(&memory.nothing, |bias| self.weights.numbers(bias));
        let (_, matrix) = self.weights.matrix(product.weight);
        let has_bias = U(u32::from(product.bias.is_some()));
        let last = [B(bias), has_bias, L(product.out), U(product.rows as u32), U(which), U(share), L(choices)];
        let items = [outputs, product.rows, 1];
        if kind > 8 {
            let first = [B(&memory.arena), B(matrix), L(product.x)];
            return self.queue.launch("product_float", items, &first.into_iter().chain(last).collect::<Vec<_>>());
        }
        let first = [&memory.arena, matrix, &memory.codes, &memory.scales, &memory.sums].map(B);
        self.queue.launch(kernel(kind), items, &first.into_iter().chain(last).collect::<Vec<_>>())
    }

    /// Clause Q1 for `parts` parts of `size` numbers.
    pub(super) fn quantise(&mut self, x: u64, parts: usize, size: usize) -> Result<(), Fault> {
        self.quantised = None;
        let (blocks, memory) = (size.div_ceil(BLOCK), &self.memory);
        let count = parts * blocks;
        let buffers = [&memory.arena, &memory.codes, &memory.scales, &memory.sums].map(B);
        let others = [L(x), U(count as u32), U(size as u32), U(blocks as u32)];
        self.queue.launch("quantize", [count, 1, 1], &buffers.into_iter().chain(others).collect::<Vec<_>>())
    }

    /// Clauses E1, E2, E4, E5, E7.
    pub(super) fn route(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let Op::Route { scores, ref rule, out } = *op else { return Ok(()) };
        let experts = self.width(scores);
        let (from, work, to) = (self.at(pass, scores), self.work_at(pass, out), self.at(pass, out));
        let vector = |weight: Option<Weight>| -> &Buffer {
            weight.map_or(&self.memory.nothing, |weight| self.weights.numbers(weight))
        };
        let scoring = match rule.scoring {
            Scoring::Softmax => 0,
            Scoring::Sigmoid => 1,
            Scoring::SoftmaxOfChosen => 2,
            Scoring::SparseMixer => 3,
        };
        let [count, used, best] = rule.groups.map_or([0; 3], |groups| [groups.count, groups.used, groups.best]);
        let has = |weight: Option<Weight>| usize::from(weight.is_some());
        let numbers = [pass.rows, experts, rule.used, scoring, has(rule.bias), has(rule.factors), count, used, best];
        let first = [B(&self.memory.arena), B(vector(rule.bias)), B(vector(rule.factors)), L(from), L(work), L(to)];
        let last = [U(u32::from(rule.normalised.is_some())), F(rule.normalised.unwrap_or_default()), F(rule.scale)];
        let all = first.into_iter().chain(numbers.map(|number| U(number as u32))).chain(last).collect::<Vec<_>>();
        self.queue.launch("route", [pass.rows, 1, 1], &all)
    }

    /// Clauses E3 and E6: the products of all choices, one after the other, and their sums.
    pub(super) fn experts(&mut self, op: &Op, pass: &Pass<'_>) -> Result<(), Fault> {
        let Op::Experts { x, choices, gate, up, down, biases, activation, out } = *op else { return Ok(()) };
        let (used, inner, width) = (self.width(choices), outputs_of(&self.program, up), self.width(out));
        let rows = pass.rows * used;
        let (chosen, from) = (self.at(pass, choices), self.at(pass, x));
        // Gates, ups, what is made of them, and results.
        let first = self.work_at(pass, out);
        let [gates, ups, hidden, results] = [0, 1, 2, 3].map(|part| first + (part * rows * inner) as u64);
        let which = Which::Chosen { at: chosen, of_each: used };
        let opened = Product { weight: up, bias: biases[1], x: from, out: ups, rows, which };
        self.multiply(&opened, Some(x))?;
        let count = rows * inner;
        if let Some(weight) = gate {
            self.multiply(&Product { weight, bias: biases[0], out: gates, ..opened }, Some(x))?;
            let places = [gates, ups, hidden].map(L);
            let all = [B(&self.memory.arena)].into_iter().chain(places);
            let all: Vec<_> = all.chain([U(count as u32), U(function(Some(activation)))]).collect();
            self.queue.launch("gate", [count, 1, 1], &all)?;
        } else {
            let all = [B(&self.memory.arena), L(ups), L(hidden), U(count as u32), U(function(Some(activation)))];
            self.queue.launch("activate", [count, 1, 1], &all)?;
        }
        let which = Which::Chosen { at: chosen, of_each: 1 };
        self.multiply(&Product { weight: down, bias: biases[2], x: hidden, out: results, rows, which }, None)?;
        let (count, to) = (pass.rows * width, self.at(pass, out));
        let places = [chosen, results, to].map(L);
        let numbers = [count, width, used].map(|number| U(number as u32));
        let all: Vec<_> = [B(&self.memory.arena)].into_iter().chain(places).chain(numbers).collect();
        self.queue.launch("mix_experts", [count, 1, 1], &all)
    }
}
