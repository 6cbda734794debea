//! Values of a program that can be inspected: the values of its body, and what is made of them.

use super::shares;
use hefu_numerics::program::{Entry, Kind, Op, Program, StateSpec, Value};
use std::collections::{BTreeMap, HashMap};

/// The logits (a number for each token of the vocabulary).
pub(super) const LOGITS: &str = "logits";
/// Logits if a layer were the last.
pub(super) const LENS: &str = "lens";
/// Shares of attention by position.
pub(super) const ATTENTION: &str = "attention";
/// Share of a head's sink.
pub(super) const SINK: &str = "attention_sink";

/// A name under which something can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visible {
    /// The name.
    pub name: String,
    /// The layers that have it, in ascending order; none outside the layers.
    pub layers: Vec<u16>,
    /// Numbers of a row; `None` where there is one for each position of the text and each head.
    pub numbers: Option<usize>,
    /// Equal parts of a row that are one head each; 1 where a row is no row of heads.
    pub heads: usize,
    /// Kind of the numbers.
    pub kind: &'static str,
}

/// Source of something.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Source {
    /// A value as it is.
    Value(Value),
    /// The head of the program.
    Logits,
    /// The head of the program, on the output of this layer.
    Lens(Value),
    /// Queries and keys.
    Attention(shares::Place),
    /// Queries, keys, and scores that belong to no position.
    Sink(shares::Place),
}

/// Something that can be seen, in one layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Buffer<'a> {
    pub(super) name: &'a str,
    pub(super) layer: Option<u16>,
    pub(super) source: Source,
    pub(super) heads: usize,
    /// As [`Visible::numbers`].
    pub(super) numbers: Option<usize>,
    pub(super) kind: &'static str,
}

/// Everything, in the order in which it is computed.
pub(super) fn buffers(program: &Program) -> Vec<Buffer<'_>> {
    let body = program.section(Entry::Body).map_or(&[][..], |body| &body.steps);
    let heads = heads(program);
    let mut all: Vec<Buffer<'_>> = Vec::new();
    for value in body.iter().filter_map(|step| step.op.output()) {
        let spec = program.value(value);
        let heads = heads.get(&value).copied().filter(|heads| spec.numbers().is_multiple_of(*heads)).unwrap_or(1);
        let (numbers, kind) = (Some(spec.numbers()), kind(spec.kind));
        all.push(Buffer { name: &spec.name, layer: spec.layer, source: Source::Value(value), heads, numbers, kind });
    }
    for (layer, place) in shares::places(program) {
        let source = Source::Attention(place);
        let kind = "shares of the positions, a row for each head";
        let attention = Buffer { name: ATTENTION, layer, source, heads: place.heads, numbers: None, kind };
        all.push(attention.clone());
        if place.sinks.is_some() {
            let (source, numbers) = (Source::Sink(place), Some(place.heads));
            let kind = "share of each head's sink, which belongs to no position";
            all.push(Buffer { name: SINK, source, numbers, kind, ..attention });
        }
    }
    let Some(head) = program.section(Entry::Logits) else { return all };
    let numbers = Some(program.value(head.output).numbers());
    let logits = Buffer { name: LOGITS, layer: None, source: Source::Logits, heads: 1, numbers, kind: "logits" };
    for value in program.layer_outputs() {
        let layer = program.value(value).layer;
        all.push(Buffer {
            name: LENS,
            layer,
            source: Source::Lens(value),
            kind: "logits of the layer's output",
            ..logits
        });
    }
    all.push(logits);
    all
}

/// Number of heads in a row of each value, by what writes and reads it.
fn heads(program: &Program) -> HashMap<Value, usize> {
    let mut heads = HashMap::new();
    let of_state = |state| match program.state(state) {
        StateSpec::KeyValue { heads, .. } => *heads,
        StateSpec::Recurrent { .. } => 1,
    };
    for step in program.sections.iter().flat_map(|section| &section.steps) {
        match step.op {
            Op::Attend { queries, heads: count, out, .. } | Op::AttendWhole { queries, heads: count, out, .. } => {
                heads.extend([(queries, count), (out, count)]);
            }
            Op::StoreKv { keys, values, state } => {
                heads.extend(std::iter::once(keys).chain(values).map(|value| (value, of_state(state))));
            }
            Op::Rotate { x, head, out, .. } => {
                let count = program.value(x).width / head.max(1);
                heads.extend([(x, count), (out, count)]);
            }
            Op::GatedDelta { queries, keys, values, heads: shape, out, .. } => {
                heads.extend([(queries, shape.keys), (keys, shape.keys), (values, shape.values), (out, shape.values)]);
            }
            Op::Wkv7 { inputs, heads: count, out, .. } => {
                heads.extend(inputs.all().into_iter().chain([out]).map(|value| (value, count)));
            }
            _ => {}
        }
    }
    heads.retain(|_, count| *count > 0);
    heads
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Numbers => "numbers",
        Kind::Angles => "cosines, then sines",
        Kind::Choices => "pairs of an expert and its weight",
    }
}

/// Every name, in the order in which it is first computed.
pub fn visible(program: &Program) -> Vec<Visible> {
    let (mut places, mut all): (BTreeMap<&str, usize>, Vec<Visible>) = (BTreeMap::new(), Vec::new());
    for Buffer { name, layer, heads, numbers, kind, .. } in buffers(program) {
        let place = *places.entry(name).or_insert(all.len());
        if place == all.len() {
            all.push(Visible { name: name.to_owned(), layers: Vec::new(), numbers, heads, kind });
        }
        if let Some(visible) = all.get_mut(place) {
            visible.layers.extend(layer);
        }
    }
    for visible in &mut all {
        visible.layers.sort_unstable();
        visible.layers.dedup();
    }
    all
}
