//! Where attention looks, by clauses that are written down once more here: the same shares, and the engine's own output of them.

use crate::inspected::{asked, wish};
use crate::support::{devices, load};
use hefu_engine::inspect::{Findings, Seen, inspect_all, visible};
use hefu_model::gguf::Gguf;
use hefu_numerics::device::Model;
use hefu_numerics::functions::{exp, fma};
use hefu_numerics::half::{f16_to_f32, f32_to_f16};
use hefu_numerics::program::{Entry, Op, Program, StateSpec};

/// Values that are read of the texts.
const NAMES: [&str; 5] = ["attention", "queries_rotated", "keys_rotated", "values", "attention_output"];

/// As the cache has it.
fn rounded(x: &f32) -> f32 {
    f16_to_f32(f32_to_f16(*x))
}

/// Weights and factor of one query by the clauses A1 to A4 and A6, where all keys lie in one segment.
struct Dealt {
    first: usize,
    weights: Vec<f32>,
    sink: Option<f32>,
    factor: f32,
}

impl Dealt {
    fn new(query: &[f32], keys: &[&[f32]], scale: f32, window: Option<usize>, sink: Option<f32>) -> Self {
        let (last, first) = (keys.len() - 1, window.map_or(0, |window| keys.len().saturating_sub(window)));
        let score = |key: &[f32]| scale * query.iter().zip(key).fold(0.0, |sum, (q, k)| fma(*q, rounded(k), sum));
        let scores: Vec<f32> = (first..=last).map(|at| score(keys[at])).collect();
        let largest = scores.iter().copied().chain(sink).fold(f32::NEG_INFINITY, f32::max);
        let weights: Vec<f32> = scores.iter().map(|score| exp(score - largest)).collect();
        let mut stripes = [0.0_f32; 16];
        weights.iter().enumerate().for_each(|(at, weight)| stripes[(first + at) % 16] += weight);
        for width in [8, 4, 2, 1] {
            (0..width).for_each(|stripe| stripes[stripe] += stripes[stripe + width]);
        }
        let sink = sink.map(|sink| exp(sink - largest));
        let factor = 1.0 / sink.map_or(stripes[0], |sink| stripes[0] + sink);
        Self { first, weights, sink, factor }
    }

    fn shares(&self) -> Vec<f32> {
        let of_seen = self.weights.iter().map(|weight| weight * self.factor);
        std::iter::repeat_n(0.0, self.first).chain(of_seen).collect()
    }

    fn output(&self, values: &[&[f32]]) -> Vec<f32> {
        let seen = || self.weights.iter().zip(&values[self.first..]);
        let element = |i: usize| seen().fold(0.0, |sum: f32, (weight, value)| fma(*weight, rounded(&value[i]), sum));
        (0..values[0].len()).map(|i| element(i) * self.factor).collect()
    }
}

fn of<'a>(found: &'a Findings, name: &str, layer: Option<u16>) -> &'a Seen {
    let seen = found.values.iter().find(|seen| seen.name == name && seen.layer == layer);
    seen.unwrap_or_else(|| panic!("{name} of layer {layer:?}"))
}

/// The sinks of a layer as the file has them, which are f32.
fn sinks(file: &[u8], layer: u16) -> Vec<f32> {
    let gguf = Gguf::parse(&[file]).unwrap();
    let bytes = gguf.data(gguf.tensor(&format!("blk.{layer}.attn_sinks.weight")).unwrap());
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
}

/// Rows of one head of a value with so many heads.
fn head(seen: &Seen, heads: usize, head: usize) -> Vec<&[f32]> {
    let size = seen.width / heads;
    seen.rows().map(|row| &row[head * size..][..size]).collect()
}

/// Compares every share of every position and head; `sinks` gives those of a layer. How many shares of sinks there were.
fn compare(name: &str, model: &Model, sinks: &dyn Fn(u16) -> Option<Vec<f32>>) -> usize {
    let has_sinks = visible(&model.program).iter().any(|one| one.name == "attention_sink");
    let wishes = NAMES.into_iter().chain(has_sinks.then_some("attention_sink"));
    let found = inspect_all(model, asked(model, wishes.map(wish).collect())).unwrap();
    let (program, tokens): (&Program, usize) = (&model.program, found.tokens.len());
    let mut of_sinks = 0;
    for step in &program.section(Entry::Body).unwrap().steps {
        let Op::Attend { heads, scale, state, .. } = step.op else { continue };
        let StateSpec::KeyValue { heads: own, window, .. } = *program.state(state) else { unreachable!() };
        let [attention, queries, keys, values, output] = NAMES.map(|name| of(&found, name, step.layer));
        let sinks = step.layer.and_then(sinks);
        for at in 0..heads {
            let (queries, outputs) = (head(queries, heads, at), head(output, heads, at));
            let (keys, values) = (head(keys, own, at / (heads / own)), head(values, own, at / (heads / own)));
            for position in 0..tokens {
                let sink = sinks.as_ref().map(|sinks| sinks[at]);
                let dealt = Dealt::new(queries[position], &keys[..=position], scale, window, sink);
                let place = format!("{name}, layer {:?}, position {position}, head {at}", step.layer);
                let told = head(attention, heads, at)[position];
                assert_eq!(told[..=position], dealt.shares(), "{place}");
                assert!(told[position + 1..].iter().all(|share| *share == 0.0), "{place}");
                assert_eq!(
                    outputs[position],
                    dealt.output(&values[..=position]),
                    "{place}: the engine has another output"
                );
                if let Some(sink) = dealt.sink {
                    let told_of_sink = of(&found, "attention_sink", step.layer).rows().nth(position).unwrap()[at];
                    assert_eq!(told_of_sink, sink * dealt.factor, "{place}: the sink");
                    let whole = told.iter().sum::<f32>() + told_of_sink;
                    assert!((whole - 1.0).abs() < 1e-5, "{place}: {whole} in all");
                    of_sinks += 1;
                }
            }
        }
    }
    of_sinks
}

#[test]
fn attention_is_dealt_as_the_clauses_say() {
    for name in ["tiny-qwen2", "tiny-gemma3"] {
        for device in devices() {
            assert_eq!(compare(name, &load(name, device), &|_| None), 0, "{name} has no sinks");
        }
    }
}

#[test]
fn a_sink_takes_what_the_clauses_say() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/models/tiny-gpt-oss.gguf");
    let bytes = std::fs::read(path).unwrap();
    for device in devices() {
        let model = load("tiny-gpt-oss", device);
        let sinks = |layer| Some(sinks(&bytes, layer));
        assert!(compare("tiny-gpt-oss", &model, &sinks) > 100);
    }
}
