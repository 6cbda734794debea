//! Products with matrices, and what is made of their results.

use super::trial::{Pass, Trial};
use super::{Numbers, Style};
use crate::device::{Device, Error};
use crate::program::{Activation, At, Op, Shape, Value, Weight};
use crate::quant::{FORMATS, Format};

/// Rows of matrices: two groups of 16 and some more.
pub(super) const ROWS: usize = 37;

/// Columns of a matrix of this format: two or more of its blocks, and of the activations'.
pub(super) fn columns(format: &Format) -> usize {
    (2 * format.block_elements).max(96)
}

impl Trial {
    /// A random matrix.
    fn matrix(
        &mut self,
        numbers: &mut Numbers,
        format: &'static Format,
        rows: usize,
        columns: usize,
        style: Style,
    ) -> Weight {
        let bytes = numbers.weights(format, rows, columns, style);
        self.weight(format, Shape::Matrix { rows, columns }, &bytes)
    }

    /// A product.
    fn linear(&mut self, x: Value, weight: Weight, bias: Option<Weight>, rows: usize) -> Value {
        self.step(rows, |out| Op::Linear { x, weight, bias, out })
    }
}

/// A product for so many tokens.
pub(super) fn product(
    device: &dyn Device,
    format: &'static Format,
    tokens: usize,
    style: Style,
    with_bias: bool,
) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, columns) = (Numbers::new(tokens as u64), Trial::new(), columns(format));
    let x = trial.inject(columns);
    let weight = trial.matrix(&mut numbers, format, ROWS, columns, style);
    let input = numbers.activations(tokens * columns, style);
    let bias = with_bias.then(|| trial.vector(&numbers.activations(ROWS, style)));
    let out = trial.linear(x, weight, bias, ROWS);
    trial.run(device, &[out], Pass::of(tokens, vec![input]))
}

/// Formats that came after the first case of many formats, whose digest must stay.
const LATER: [&str; 12] =
    ["IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ3_S", "IQ2_S", "IQ1_M", "TQ1_0", "TQ2_0", "NVFP4", "Q1_0", "Q2_0"];

/// Products of one input with matrices of many formats.
pub(super) fn products(device: &dyn Device, later: bool) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(3), Trial::new());
    let (columns, tokens) = (512, 14);
    let input = numbers.activations(tokens * columns, Style::Usual);
    let x = trial.inject(columns);
    let mut outputs = Vec::new();
    let formats = FORMATS.iter().filter(|format| LATER.contains(&format.name) == later);
    for (index, format) in formats.enumerate() {
        let rows = 5 + 3 * index;
        let weight = trial.matrix(&mut numbers, format, rows, columns, Style::Usual);
        outputs.push(trial.linear(x, weight, None, rows));
    }
    trial.run(device, &outputs, Pass::of(tokens, vec![input]))
}

/// Two products, the gate's function between them, and the product with what they make.
pub(super) fn gated(
    device: &dyn Device,
    format: &'static Format,
    tokens: usize,
    activation: Activation,
) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(19), Trial::new());
    // Whole blocks of every format, and more than two groups of 16 that are worked on together.
    let (width, inner) = (columns(format), 512);
    let [gate, up] = [(); 2].map(|()| trial.matrix(&mut numbers, format, inner, width, Style::Usual));
    let down = trial.matrix(&mut numbers, format, ROWS, inner, Style::Usual);
    let input = numbers.activations(tokens * width, Style::Usual);
    let x = trial.inject(width);
    let (gate, up) = (trial.linear(x, gate, None, inner), trial.linear(x, up, None, inner));
    let hidden = trial.step(inner, |out| Op::Gate { gate, up, activation, out });
    let out = trial.linear(hidden, down, None, ROWS);
    trial.run(device, &[out], Pass::of(tokens, vec![input]))
}

/// Every row of a matrix, decoded, times a factor.
pub(super) fn rows(device: &dyn Device, format: &'static Format, scale: f32) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, columns) = (Numbers::new(7), Trial::new(), columns(format));
    trial.program().vocabulary = ROWS;
    let table = trial.matrix(&mut numbers, format, ROWS, columns, Style::Usual);
    let out = trial.step(columns, |out| Op::Embed { table, scale, out });
    let tokens = (0..ROWS as u32).collect();
    trial.run(device, &[out], Pass { tokens, ..Pass::of(ROWS, Vec::new()) })
}

/// Rows of a table by position, and one of them for all.
pub(super) fn table_rows(device: &dyn Device, format: &'static Format) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, columns) = (Numbers::new(7), Trial::new(), columns(format));
    trial.program().context = ROWS;
    let table = trial.matrix(&mut numbers, format, ROWS, columns, Style::Usual);
    let read = [At::Position, At::Row(3)].map(|at| trial.step(columns, |out| Op::Rows { table, at, out }));
    let mut pass = Pass::of(ROWS - 2, Vec::new());
    pass.spans[0].position = 2;
    trial.run(device, &read, pass)
}

/// Rows of a table by which of two texts a row belongs to.
pub(super) fn part_rows(device: &dyn Device, format: &'static Format) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, columns) = (Numbers::new(7), Trial::new(), columns(format));
    let table = trial.matrix(&mut numbers, format, 2, columns, Style::Usual);
    let read = trial.step(columns, |out| Op::Rows { table, at: At::Part, out });
    let mut pass = Pass::of(7, Vec::new());
    pass.spans[0].second = Some(4);
    trial.run(device, &[read], pass)
}

/// Products of heads with matrices of their own.
pub(super) fn head_products(device: &dyn Device, format: &'static Format, tokens: usize) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, columns) = (Numbers::new(23), Trial::new(), columns(format));
    let (items, rows) = (3, 21);
    let bytes = numbers.weights(format, items * rows, columns, Style::Usual);
    let weight = trial.weight(format, Shape::Stack { items, rows, columns }, &bytes);
    let input = numbers.activations(tokens * items * columns, Style::Usual);
    let x = trial.inject(items * columns);
    let out = trial.step(items * rows, |out| Op::HeadLinear { x, weight, out });
    trial.run(device, &[out], Pass::of(tokens, vec![input]))
}
