//! Attention over keys and values that earlier batches stored.

use super::trial::{Part, Pass, Trial};
use super::{Numbers, Style};
use crate::device::{Device, Error};
use crate::kv::{PAGE, Profile};
use crate::program::{Op, Order, StateSpec, Values};

/// The shape of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heads {
    pub(super) profile: Profile,
    pub(super) size: usize,
    /// Elements of a value, where they are the first of the keys.
    pub(super) latent: Option<usize>,
    pub(super) group: usize,
    pub(super) window: Option<usize>,
    /// The bound of scores.
    pub(super) cap: Option<f32>,
    /// True if each head has a score that belongs to no position.
    pub(super) has_sinks: bool,
    /// The greatest exponent of slopes.
    pub(super) alibi: Option<f32>,
    /// Tokens in the batch and position of the first, of each sequence.
    pub(super) sequences: &'static [(usize, usize)],
}

/// Key-value heads.
const KEY_VALUE_HEADS: usize = 2;

/// Keys and values of a sequence, `[positions][heads * size]` each.
struct Sequence {
    pages: Vec<u32>,
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// Attention of the last batch.
pub(super) fn attention(device: &dyn Device, heads: Heads) -> Result<Vec<f32>, Error> {
    let mut numbers = Numbers::new(13);
    let (key_width, value_size) = (KEY_VALUE_HEADS * heads.size, heads.latent.unwrap_or(heads.size));
    let stored_width = if heads.latent.is_some() { 0 } else { KEY_VALUE_HEADS * value_size };
    let pages = |(tokens, position): (usize, usize)| (tokens + position).div_ceil(PAGE);
    let total: usize = heads.sequences.iter().map(|sequence| pages(*sequence)).sum();
    // Pages lie in descending order.
    let mut free = (0..total as u32).rev();
    let mut sequences = Vec::new();
    for &(tokens, position) in heads.sequences {
        let pages = free.by_ref().take(pages((tokens, position))).collect();
        let mut sequence = Sequence { pages, keys: Vec::new(), values: Vec::new() };
        for _ in 0..tokens + position {
            sequence.keys.extend(numbers.activations(key_width, Style::Usual));
            sequence.values.extend(numbers.activations(stored_width, Style::Usual));
        }
        sequences.push(sequence);
    }
    let count = KEY_VALUE_HEADS * heads.group;
    let rows: usize = heads.sequences.iter().map(|(tokens, _)| tokens).sum();
    let queries = numbers.activations(rows * count * heads.size, Style::Usual);
    let inputs = |keys, values, queries| match heads.latent {
        Some(_) => vec![keys, queries],
        None => vec![keys, values, queries],
    };
    let nothing = |rows: usize| vec![f32::NAN; rows * count * heads.size];
    let mut passes = Vec::new();
    // Earlier content of the cache must not matter.
    for sequence in &sequences {
        let rows = sequence.pages.len() * PAGE;
        let nan = |width: usize| vec![f32::NAN; rows * width];
        let spans = vec![Part { rows, pages: sequence.pages.clone(), ..Part::default() }];
        let inputs = inputs(nan(key_width), nan(stored_width), nothing(rows));
        passes.push(Pass { spans, inputs, ..Pass::default() });
    }
    let mut last = Pass { is_wanted: true, ..Pass::default() };
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for (sequence, &(rows, position)) in sequences.iter().zip(heads.sequences) {
        let Sequence { pages, keys: all_keys, values: all_values } = sequence;
        if position > 0 {
            let spans = vec![Part { rows: position, pages: pages.clone(), ..Part::default() }];
            let earlier = |all: &[f32], width: usize| all[..position * width].to_vec();
            let inputs = inputs(earlier(all_keys, key_width), earlier(all_values, stored_width), nothing(position));
            passes.push(Pass { spans, inputs, ..Pass::default() });
        }
        keys.extend_from_slice(&all_keys[position * key_width..]);
        values.extend_from_slice(&all_values[position * stored_width..]);
        last.spans.push(Part { rows, position, pages: pages.clone(), ..Part::default() });
    }
    last.inputs = inputs(keys, values, queries);
    passes.push(last);
    run(device, heads, total, passes)
}

fn run(device: &dyn Device, heads: Heads, pages: usize, passes: Vec<Pass>) -> Result<Vec<f32>, Error> {
    let mut trial = Trial::new();
    trial.pages = pages;
    trial.program().profile = heads.profile;
    let value = heads.latent.map_or(Values::Own(heads.size), Values::FirstOfKey);
    let spec = StateSpec::KeyValue { group: 0, heads: KEY_VALUE_HEADS, key: heads.size, value, window: heads.window };
    let state = trial.state(spec);
    let keys = trial.inject(KEY_VALUE_HEADS * heads.size);
    let values = heads.latent.is_none().then(|| trial.inject(KEY_VALUE_HEADS * heads.size));
    let count = KEY_VALUE_HEADS * heads.group;
    let queries = trial.inject(count * heads.size);
    trial.push(Op::StoreKv { keys, values, state });
    let sinks = heads.has_sinks.then(|| trial.vector(&Numbers::new(59).activations(count, Style::Usual)));
    let (cap, alibi, scale) = (heads.cap, heads.alibi, 0.125);
    let op = |out| Op::Attend { queries, heads: count, scale, cap, sinks, alibi, state, out };
    let out = trial.step(count * value.size(), op);
    trial.run_all(device, &[out], passes)
}

/// Attention of texts of so many rows, both ways.
pub(super) fn whole(
    device: &dyn Device,
    size: usize,
    (window, alibi): (Option<usize>, Option<f32>),
    texts: &[usize],
) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(61), Trial::new());
    trial.program().order = Order::Whole;
    let (heads, rows) = (3 * KEY_VALUE_HEADS, texts.iter().sum::<usize>());
    let widths = [heads * size, KEY_VALUE_HEADS * size, KEY_VALUE_HEADS * (size + 3)];
    let inputs = widths.map(|width| numbers.activations(rows * width, Style::Usual));
    let [queries, keys, values] = widths.map(|width| trial.inject(width));
    let (key_values, scale) = (KEY_VALUE_HEADS, 0.125);
    let op = |out| Op::AttendWhole { queries, keys, values, heads, key_values, scale, window, alibi, out };
    let out = trial.step(heads * (size + 3), op);
    let spans = texts.iter().map(|rows| Part { rows: *rows, ..Part::default() }).collect();
    trial.run(device, &[out], Pass { spans, inputs: inputs.to_vec(), is_wanted: true, ..Pass::default() })
}
