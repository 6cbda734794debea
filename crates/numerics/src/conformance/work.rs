//! What each case computes.

use super::{Numbers, Style};
use crate::attention::{Attention, Span};
use crate::kv::{KvShape, LayerCache, PAGE, Profile};
use crate::matrix::Matrix;
use crate::ops::{Activation, After, Around, Gated, Norm, Ops, Projection, RopePairs, Rotation, Scratch, Team};
use crate::prepared::{Input, Prepared};
use crate::quant::{FORMATS, Format};
use std::sync::Arc;

/// One call of one operation on fixed inputs.
#[derive(Debug, Clone, Copy)]
pub(super) enum Work {
    /// A product with a matrix of this format, for so many tokens.
    Product(&'static Format, usize, Style),
    /// Products of one input with matrices of many formats at once: of the [`LATER`] ones, or of all before.
    Products { later: bool },
    /// Two products, the gate's function between them, and the product with what they make: for so many tokens.
    Gated(&'static Format, usize, Activation),
    /// Every row of a packed matrix, decoded.
    Rows(&'static Format),
    /// Norms of rows so long.
    Norm(usize, Style),
    /// Rotations of heads, after a norm or without.
    Rotation(RopePairs, bool),
    /// The gate's function at numbers of all magnitudes.
    Gate(Activation),
    /// Sums.
    Sum(Style),
    /// Sums with norms around them.
    SumAndNorms(Style),
    /// Attention.
    Attention(Heads),
}

/// The shape of a case of attention.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) profile: Profile,
    pub(super) size: usize,
    pub(super) group: usize,
    pub(super) window: Option<usize>,
    /// Tokens in the batch and position of the first, of each sequence.
    pub(super) sequences: &'static [(usize, usize)],
}

/// Rows of matrices: two groups of 16 and some more.
const ROWS: usize = 37;

/// Columns of a matrix of this format: two or more of its blocks, and of the activations'.
fn columns(format: &Format) -> usize {
    (2 * format.block_elements).max(96)
}

impl Work {
    /// The numbers that this device computes.
    pub(super) fn results(self, ops: &Ops, team: &dyn Team) -> Vec<f32> {
        let mut numbers = Numbers::new(7);
        match self {
            Work::Product(format, tokens, style) => product(ops, team, format, tokens, style),
            Work::Products { later } => products(ops, team, later),
            Work::Gated(format, tokens, activation) => gated(ops, team, format, tokens, activation),
            Work::Rows(format) => {
                let matrix = packed(ops, &mut numbers, format, ROWS, columns(format), Style::Usual);
                let mut output = vec![f32::NAN; ROWS * matrix.columns];
                let rows: Vec<u32> = (0..ROWS as u32).collect();
                (ops.rows)(team, &matrix, &rows, 1.0, &mut output);
                output
            }
            Work::Norm(width, style) => {
                let (input, gain) = (numbers.activations(5 * width, style), numbers.activations(width, Style::Usual));
                let mut output = vec![f32::NAN; input.len()];
                (ops.rms_norm)(team, Norm { gain: &gain, epsilon: 1.0e-6 }, &input, &mut output);
                output
            }
            Work::Rotation(pairs, with_norm) => rotated(ops, team, pairs, with_norm),
            Work::Gate(activation) => {
                // The upper half of every number's bits, and a fixed lower half.
                let mut gate: Vec<f32> = (0..1 << 16).map(|upper: u32| f32::from_bits(upper << 16 | 0x5a5a)).collect();
                let up = numbers.activations(gate.len(), Style::Usual);
                (ops.gate)(team, activation, &mut gate, &up);
                gate
            }
            Work::Sum(style) => {
                let (mut sum, addend) = (numbers.activations(1003, style), numbers.activations(1003, style));
                (ops.add)(team, &mut sum, &addend, Around::default());
                sum
            }
            Work::SumAndNorms(style) => sum_and_norms(ops, team, style),
            Work::Attention(heads) => attention(ops, team, heads),
        }
    }
}

/// A random matrix as this device holds it.
fn packed(
    ops: &Ops,
    numbers: &mut Numbers,
    format: &'static Format,
    rows: usize,
    columns: usize,
    style: Style,
) -> Matrix {
    let file = numbers.weights(format, rows, columns, style);
    // What was in the memory before must not matter.
    let mut bytes = vec![0xaa; (ops.packed_bytes)(format, rows, columns)];
    (ops.pack)(format, rows, columns, &file, &mut bytes);
    let range = 0..bytes.len();
    Matrix { format, rows, columns, memory: Arc::new(bytes), range }
}

fn product(ops: &Ops, team: &dyn Team, format: &'static Format, tokens: usize, style: Style) -> Vec<f32> {
    let mut numbers = Numbers::new(tokens as u64);
    let matrix = packed(ops, &mut numbers, format, ROWS, columns(format), style);
    let input = numbers.activations(tokens * matrix.columns, style);
    let mut output = vec![f32::NAN; tokens * ROWS];
    let projection = Projection { matrix: &matrix, output: &mut output, not_finite: None };
    (ops.linear)(team, &mut Scratch::default(), Input::Rows(&input), tokens, &mut [projection]);
    output
}

/// Formats that came after the first case of many formats, whose digest must stay.
const LATER: [&str; 12] =
    ["IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ3_S", "IQ2_S", "IQ1_M", "TQ1_0", "TQ2_0", "NVFP4", "Q1_0", "Q2_0"];

fn products(ops: &Ops, team: &dyn Team, later: bool) -> Vec<f32> {
    let mut numbers = Numbers::new(3);
    let (columns, tokens) = (512, 14);
    let input = numbers.activations(tokens * columns, Style::Usual);
    let matrices: Vec<Matrix> = FORMATS
        .iter()
        .filter(|format| LATER.contains(&format.name) == later)
        .enumerate()
        .map(|(index, format)| packed(ops, &mut numbers, format, 5 + 3 * index, columns, Style::Usual))
        .collect();
    let mut outputs: Vec<Vec<f32>> = matrices.iter().map(|matrix| vec![f32::NAN; tokens * matrix.rows]).collect();
    let mut projections: Vec<Projection<'_>> = matrices
        .iter()
        .zip(&mut outputs)
        .map(|(matrix, output)| Projection { matrix, output, not_finite: None })
        .collect();
    (ops.linear)(team, &mut Scratch::default(), Input::Rows(&input), tokens, &mut projections);
    outputs.concat()
}

fn gated(ops: &Ops, team: &dyn Team, format: &'static Format, tokens: usize, activation: Activation) -> Vec<f32> {
    let mut numbers = Numbers::new(19);
    // Whole blocks of every format, and more than two groups of 16 that are worked on together.
    let (width, inner) = (columns(format), 512);
    let [gate, up] = [(); 2].map(|()| packed(ops, &mut numbers, format, inner, width, Style::Usual));
    let down = packed(ops, &mut numbers, format, ROWS, inner, Style::Usual);
    let input = numbers.activations(tokens * width, Style::Usual);
    let (mut scratch, mut opened, mut output) =
        (Scratch::default(), Prepared::default(), vec![f32::NAN; tokens * ROWS]);
    let gated = Gated { gate: &gate, up: &up, activation, down: &down };
    (ops.gated)(team, &mut scratch, Input::Rows(&input), tokens, &gated, &mut opened);
    let projection = Projection { matrix: &down, output: &mut output, not_finite: None };
    (ops.linear)(team, &mut scratch, opened.input(), tokens, &mut [projection]);
    output
}

/// The sum and its norm, of rows with a norm of the addend, without one, and with no norm after them.
fn sum_and_norms(ops: &Ops, team: &dyn Team, style: Style) -> Vec<f32> {
    let mut numbers = Numbers::new(17);
    let width = 300;
    let gains = [(); 2].map(|()| numbers.activations(width, Style::Usual));
    let [before, after] = [0, 1].map(|i| Norm { gain: &gains[i], epsilon: 1.0e-6 });
    let mut results = Vec::new();
    for (before, is_normed) in [(Some(before), true), (None, true), (Some(before), false)] {
        let (mut sum, addend) = (numbers.activations(5 * width, style), numbers.activations(5 * width, style));
        let mut output = Prepared::default();
        output.as_rows(sum.len()).fill(f32::NAN);
        let after = is_normed.then_some(After { norm: after, output: &mut output, readers: &[] });
        (ops.add)(team, &mut sum, &addend, Around { before, after });
        results.extend([&sum, output.rows().expect("no product reads them")].concat());
    }
    results
}

fn rotated(ops: &Ops, team: &dyn Team, pairs: RopePairs, with_norm: bool) -> Vec<f32> {
    let mut numbers = Numbers::new(11);
    let (tokens, heads, half, rest) = (7, 3, 20, 5);
    let head_size = 2 * half + rest;
    let mut rotated = numbers.activations(tokens * heads * head_size, Style::Usual);
    let (cosines, sines) =
        (numbers.activations(tokens * half, Style::Usual), numbers.activations(tokens * half, Style::Usual));
    let gain = numbers.activations(head_size, Style::Usual);
    let norm = with_norm.then_some(Norm { gain: &gain, epsilon: 1.0e-6 });
    let rotation = Rotation { tokens, head_size, norm, pairs, cosines: &cosines, sines: &sines };
    (ops.rope)(team, &rotation, &mut rotated);
    rotated
}

fn attention(ops: &Ops, team: &dyn Team, heads: Heads) -> Vec<f32> {
    let mut numbers = Numbers::new(13);
    let shape = KvShape { heads: 2, key_size: heads.size, value_size: heads.size, profile: heads.profile };
    let pages = |(tokens, position): (usize, usize)| (tokens + position).div_ceil(PAGE);
    let total: usize = heads.sequences.iter().map(|sequence| pages(*sequence)).sum();
    let mut cache = LayerCache::new(shape, total);
    // NaN as binary16: what was in the cache before must not matter.
    cache.keys.fill(0x7e);
    cache.values.fill(0x7e);
    // Pages lie in descending order.
    let mut free = (0..total as u32).rev();
    let mut tables: Vec<Vec<u32>> = Vec::new();
    for &(tokens, position) in heads.sequences {
        let table: Vec<u32> = free.by_ref().take(pages((tokens, position))).collect();
        for at in 0..tokens + position {
            let key = numbers.activations(shape.heads * shape.key_size, Style::Usual);
            let value = numbers.activations(shape.heads * shape.value_size, Style::Usual);
            cache.store(table[at / PAGE] as usize, at % PAGE, &key, &value);
        }
        tables.push(table);
    }
    let mut rows = 0;
    let mut spans = Vec::new();
    for (pages, &(tokens, position)) in tables.iter().zip(heads.sequences) {
        spans.push(Span { row: rows, tokens, position, pages });
        rows += tokens;
    }
    let count = shape.heads * heads.group;
    let queries = numbers.activations(rows * count * shape.key_size, Style::Usual);
    let asked =
        Attention { queries: &queries, heads: count, scale: 0.125, window: heads.window, cache: &cache, spans: &spans };
    let mut output = vec![f32::NAN; rows * count * shape.value_size];
    (ops.attention)(team, &mut Scratch::default(), &asked, &mut output);
    output
}
