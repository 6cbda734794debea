//! Work of operations: bytes from memory, and arithmetic.
//!
//! Bytes are weights, and states of earlier batches. Values between operations stay in caches and count as none. Arithmetic
//! is what the numeric contract prescribes, a multiply-add counting once; everything that a device adds (unpacking,
//! quantising, copying) counts as none, so that a limit is one for every device.

use super::{Activation, DeltaHeads, Op, Program, Rows, Shape, State, StateSpec, Value, Weight};
use crate::device::{Span, Work};
use crate::kv::{BLOCK, KvShape, LayerCache, PAGE, Profile};
use crate::quant::Encoding;

/// Additions, multiplications and multiply-adds of one `exp` (clause F1).
const EXP: u64 = 17;
/// Of one score besides its dot product: scaling, subtracting the maximum, `exp`, adding to the sum.
const SCORE: u64 = EXP + 3;
/// Of one element of a norm: its square added, two factors.
const NORM: u64 = 3;
/// Of one pair of elements that rotate.
const PAIR: u64 = 4;
/// Of one soft cap: a quotient, two operations around `exp`, a product.
const CAP: u64 = EXP + 5;

/// For what an operation is done.
#[derive(Clone, Copy)]
pub struct Amount<'a> {
    /// Rows of what it writes.
    pub rows: usize,
    /// The rows of the batch.
    pub which: Rows,
    /// The batch's spans.
    pub spans: &'a [Span<'a>],
    /// Experts that a row at least has chosen, for [`Op::Experts`].
    pub experts: usize,
    /// Bytes of a weight as the device holds it.
    pub bytes: &'a dyn Fn(Weight) -> usize,
}

/// Work of an operation.
pub fn work(program: &Program, op: &Op, amount: &Amount<'_>) -> Work {
    let elements = |value: Value| (amount.rows * program.value(value).width) as u64;
    match *op {
        Op::Embed { table, .. } | Op::Rows { table, .. } => rows_of(program, table, amount),
        Op::RmsNorm { x, .. } => float(elements(x) * NORM),
        // A row is read once more, for its mean.
        Op::LayerNorm { x, .. } => float(elements(x) * (NORM + 3)),
        Op::L2Norm { x, .. } => float(elements(x) * 2),
        Op::MatchMagnitude { x, .. } => float(elements(x) * 3),
        // A row is read for its mean, its variance and its result.
        Op::GaussianTopK { x, .. } => float(elements(x) * 5),
        Op::Linear { weight, bias, out, .. } => {
            let mut work = product(program, weight, amount.rows);
            work.bytes = (amount.bytes)(weight) as u64;
            work.float += bias.map_or(0, |_| elements(out));
            work
        }
        Op::HeadLinear { weight, .. } => {
            let one = product(program, weight, amount.rows * items(program, weight));
            Work { bytes: (amount.bytes)(weight) as u64, ..one }
        }
        Op::Rotate { x, head, angles, .. } => {
            let heads = program.value(x).width / head.max(1);
            float((amount.rows * heads * (program.value(angles).width / 2)) as u64 * PAIR)
        }
        Op::Attend { heads, state, cap, .. } => {
            attention(program, state, heads, amount, if cap.is_some() { CAP } else { 0 })
        }
        Op::AttendWhole { .. } => whole_attention(program, op, amount),
        Op::Gate { out, activation, .. } => float(elements(out) * (function(activation) + 1)),
        Op::Activate { out, activation, .. } => float(elements(out) * function(activation)),
        Op::Add { out, .. } | Op::Scale { out, .. } => float(elements(out)),
        Op::SoftCap { out, .. } => float(elements(out) * CAP),
        Op::Route { scores, .. } => float(elements(scores) * (EXP + 3)),
        Op::Experts { .. } => experts(program, op, amount),
        Op::Decay { out, .. } => float(elements(out) * (function(Activation::Softplus) + 2)),
        Op::ShortConv { .. }
        | Op::GatedDelta { .. }
        | Op::SelectiveScan { .. }
        | Op::TokenShift { .. }
        | Op::Wkv7 { .. } => recurrent(program, op, amount),
        // They copy, or take what is there.
        Op::Inject { .. }
        | Op::Temperature { .. }
        | Op::Angles { .. }
        | Op::StoreKv { .. }
        | Op::Slice { .. }
        | Op::Join { .. }
        | Op::Select { .. } => Work::default(),
    }
}

/// Work of operations that move on a recurrent state.
fn recurrent(program: &Program, op: &Op, amount: &Amount<'_>) -> Work {
    let elements = |value: Value| (amount.rows * program.value(value).width) as u64;
    match *op {
        Op::ShortConv { weight, bias, activation, out, .. } => {
            let taps = program.weight(weight).shape.columns() as u64;
            let each = taps + u64::from(bias.is_some()) + activation.map_or(0, function);
            Work {
                bytes: (amount.bytes)(weight) as u64 + state_bytes(program, op, amount),
                integer: 0,
                float: elements(out) * each,
            }
        }
        Op::GatedDelta { heads, beta, .. } => {
            let float = delta(heads, beta.is_some()) * amount.rows as u64;
            Work { bytes: state_bytes(program, op, amount), integer: 0, float }
        }
        Op::SelectiveScan { x, keys, rates, .. } => {
            // Each number decays, takes and gives.
            let float = elements(x) * program.value(keys).width as u64 * (EXP + 4);
            Work { bytes: (amount.bytes)(rates) as u64 + state_bytes(program, op, amount), integer: 0, float }
        }
        Op::TokenShift { out, .. } => {
            Work { bytes: state_bytes(program, op, amount), integer: 0, float: elements(out) }
        }
        Op::Wkv7 { heads, out, .. } => {
            // Each number is read for a removal key, decays, gives up, takes up, and is read; a rate for each row.
            let size = (program.value(out).width / heads.max(1)) as u64;
            let float = elements(out) * (size * 5 + EXP + 1);
            Work { bytes: state_bytes(program, op, amount), integer: 0, float }
        }
        _ => Work::default(),
    }
}

/// Scores of all positions that are seen, and the values' sums.
fn whole_attention(program: &Program, op: &Op, amount: &Amount<'_>) -> Work {
    let Op::AttendWhole { queries, out, heads, window, .. } = *op else { return Work::default() };
    let numbers = (program.value(queries).width + program.value(out).width) / heads.max(1);
    let seen = |rows: usize| window.map_or(rows, |window| rows.min(2 * window + 1)) * rows;
    let scores: usize = amount.spans.iter().map(|span| seen(span.rows.len()) * heads).sum();
    float(scores as u64 * (numbers as u64 + SCORE))
}

/// The chosen experts' products, their gates, and the sum.
fn experts(program: &Program, op: &Op, amount: &Amount<'_>) -> Work {
    let Op::Experts { choices, gate, up, down, biases, activation, out, .. } = *op else { return Work::default() };
    let chosen = amount.rows * program.value(choices).width;
    let mut all = Work::default();
    for weight in gate.into_iter().chain([up, down]) {
        let one = product(program, weight, chosen);
        let bytes = (amount.bytes)(weight) / items(program, weight).max(1) * amount.experts;
        all += Work { bytes: bytes as u64, ..one };
    }
    let inner = program.weight(down).shape.columns();
    let hidden = (chosen * inner) as u64 * (function(activation) + u64::from(gate.is_some()));
    let added: usize = biases.into_iter().flatten().map(|bias| program.weight(bias).shape.columns()).sum();
    all += float(hidden + (chosen * (program.value(out).width + added)) as u64);
    all
}

/// Operations of one row of a gated delta rule: per number of the state it fades, is read for the key, corrected, and read for
/// the query.
fn delta(heads: DeltaHeads, is_corrected: bool) -> u64 {
    let DeltaHeads { values, key_size, value_size, .. } = heads;
    let (steps, corrections) = if is_corrected { (4, 3) } else { (3, 1) };
    let each = values * (key_size * value_size * steps + value_size * corrections);
    each as u64 + values as u64 * EXP
}

fn float(operations: u64) -> Work {
    Work { float: operations, ..Work::default() }
}

/// Operations of one function.
fn function(activation: Activation) -> u64 {
    match activation {
        Activation::Silu | Activation::Sigmoid => EXP + 2,
        Activation::Gelu | Activation::Tanh => EXP + 5,
        Activation::GeluErf => EXP + 13,
        Activation::Relu => 1,
        Activation::SquaredRelu => 2,
        Activation::BoundedSilu => EXP + 7,
        Activation::Softplus => EXP + 10,
        Activation::Elu => EXP + 10,
    }
}

/// Bytes of the recurrent state that the batch's spans begin with.
fn state_bytes(program: &Program, op: &Op, amount: &Amount<'_>) -> u64 {
    let numbers = match op.state().map(|state| program.state(state)) {
        Some(StateSpec::Recurrent { numbers }) => *numbers,
        _ => 0,
    };
    let begun = amount.spans.iter().filter(|span| span.slots.as_ref().is_some_and(|slots| slots.read.is_some()));
    (begun.count() * numbers * size_of::<f32>()) as u64
}

/// Matrices of a weight.
fn items(program: &Program, weight: Weight) -> usize {
    match program.weight(weight).shape {
        Shape::Stack { items, .. } => items,
        Shape::Vector(_) | Shape::Matrix { .. } => 1,
    }
}

/// The arithmetic of the products of `rows` rows with one matrix of a weight each: a plain format multiplies f32; a
/// quantised one bytes, and adds a scaled sum (and a minimum) for each of its sub-blocks.
fn product(program: &Program, weight: Weight, rows: usize) -> Work {
    let spec = program.weight(weight);
    let (outputs, columns) = match spec.shape {
        Shape::Vector(columns) => (rows as u64, columns),
        Shape::Matrix { rows: outputs, columns } | Shape::Stack { rows: outputs, columns, .. } => {
            ((rows * outputs) as u64, columns)
        }
    };
    let products = outputs * columns as u64;
    match &spec.format.encoding {
        Encoding::Float(_) => float(products),
        Encoding::Quantised(quantised) => {
            let sums = outputs * (columns / quantised.sub_block) as u64;
            Work { bytes: 0, integer: products, float: sums * (1 + u64::from(quantised.has_minimum)) }
        }
    }
}

/// Rows of a matrix, decoded.
fn rows_of(program: &Program, table: Weight, amount: &Amount<'_>) -> Work {
    let shape = program.weight(table).shape;
    let bytes = (amount.bytes)(table) / shape.rows().max(1);
    Work { bytes: (amount.rows * bytes) as u64, integer: 0, float: (amount.rows * shape.columns()) as u64 }
}

/// Attention: keys and values of earlier batches are read once; those of this batch were just written.
/// `more`: what is done with a score besides.
fn attention(program: &Program, state: State, heads: usize, amount: &Amount<'_>, more: u64) -> Work {
    let StateSpec::KeyValue { window, .. } = *program.state(state) else { return Work::default() };
    let Some(shape) = KvShape::of(program.state(state), program.profile) else { return Work::default() };
    let bytes = LayerCache::page_bytes(program.state(state), program.profile).unwrap_or(0);
    // In q8, a key's elements are multiplied as integers, and each block's sum is one multiply-add of floats; in i8 a
    // value's too, whose blocks are positions.
    let (integer, dots) = match shape.profile {
        Profile::F16 => (0, shape.key_size + shape.value_size),
        Profile::Q8 => (shape.key_size, shape.key_blocks() + shape.value_blocks() + shape.value_size),
        Profile::I8 => (shape.key_size + shape.value_size, shape.key_blocks() + 1 + shape.value_size.div_ceil(BLOCK)),
    };
    let first_visible = |position: usize| window.map_or(0, |window| (position + 1).saturating_sub(window));
    let mut work = Work::default();
    for span in amount.spans {
        let some = if amount.which == Rows::All { 0..span.rows.len() } else { span.wanted.clone() };
        let positions = span.position + some.start..span.position + some.end;
        if positions.is_empty() {
            continue;
        }
        let earlier = span.position.saturating_sub(first_visible(positions.start));
        work.bytes += (earlier * (bytes / PAGE)) as u64;
        let seen: usize = positions.map(|position| position + 1 - first_visible(position)).sum();
        let scores = (seen * heads) as u64;
        work.integer += scores * integer as u64;
        work.float += scores * (dots as u64 + SCORE + more);
    }
    work
}
