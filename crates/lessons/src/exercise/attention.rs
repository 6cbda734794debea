//! Clauses A2 to A4: attention of one query of one head, over a cache whose numbers are binary16 already.

use super::case::{Case, Exercise, case, numbers, source, whole};
use super::exp::exp;
use super::stripes::striped;
use hefu_numerics::attention::{Attention, SEGMENT, Span};
use hefu_numerics::conformance::Style;
use hefu_numerics::functions::fma;
use hefu_numerics::half::{f16_to_f32, f32_to_f16};
use hefu_numerics::kv::{KvShape, LayerCache, PAGE, Profile};
use hefu_numerics::reference;

const MISTAKES: &[&str] = &["one-segment", "no-largest", "divided", "one-sum", "library", "scaled-first"];

pub(super) const EXERCISE: Exercise = Exercise { name: "attention", clause: "A4", mistakes: MISTAKES, cases };

struct Head {
    name: &'static str,
    scale: f32,
    query: Vec<f32>,
    /// `[positions][size]`.
    keys: Vec<f32>,
    values: Vec<f32>,
}

fn attend(head: &Head, mistake: &str) -> Vec<f32> {
    let (size, query) = (head.query.len(), &head.query);
    let score = |key: &[f32]| match mistake {
        "scaled-first" => query.iter().zip(key).fold(0.0_f32, |sum, (query, key)| fma(query * head.scale, *key, sum)),
        _ => head.scale * reference::chain(query, key),
    };
    let scores: Vec<f32> = head.keys.chunks(size).map(score).collect();
    let largest = if mistake == "no-largest" { 0.0 } else { scores.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b)) };
    let function = if mistake == "library" { "library" } else { "" };
    let weights: Vec<f32> = scores.iter().map(|score| exp(score - largest, function)).collect();
    let segment = if mistake == "one-segment" { usize::MAX } else { SEGMENT };
    let (mut output, mut total) = (vec![0.0_f32; size], 0.0);
    for (part, weights) in weights.chunks(segment).enumerate() {
        let mut sums = vec![0.0_f32; size];
        for (t, weight) in weights.iter().enumerate() {
            let value = &head.values[(part * SEGMENT + t) * size..][..size];
            sums.iter_mut().zip(value).for_each(|(sum, value)| *sum = fma(*weight, *value, *sum));
        }
        output.iter_mut().zip(sums).for_each(|(output, sum)| *output += sum);
        let stripes = if mistake == "one-sum" { 1 } else { 16 };
        total += striped(weights, stripes, |weight, sum| sum + weight);
    }
    match mistake {
        "divided" => output.iter().map(|output| output / total).collect(),
        _ => output.iter().map(|output| output * (1.0 / total)).collect(),
    }
}

/// Result of the reference.
fn right(head: &Head) -> Vec<f32> {
    let (size, positions) = (head.query.len(), head.keys.len() / head.query.len());
    let pages = positions.div_ceil(PAGE);
    let shape = KvShape { heads: 1, key_size: size, value_size: size, profile: Profile::F16 };
    let mut cache = LayerCache::new(shape, pages);
    for (t, (key, value)) in head.keys.chunks(size).zip(head.values.chunks(size)).enumerate() {
        cache.store(t / PAGE, t % PAGE, key, value);
    }
    let pages: Vec<u32> = (0..pages as u32).collect();
    let spans = [Span { row: 0, tokens: 1, position: positions - 1, pages: &pages }];
    let attention = Attention {
        queries: &head.query,
        heads: 1,
        scale: head.scale,
        window: None,
        is_whole: false,
        cap: None,
        sinks: None,
        slopes: None,
        cache: &cache,
        spans: &spans,
    };
    let mut output = vec![0.0; size];
    reference::attend(&attention, &mut output);
    output
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(112, seed);
    let kept = |x: Vec<f32>| x.into_iter().map(|x| f16_to_f32(f32_to_f16(x))).collect::<Vec<f32>>();
    let mut draw = |name, size: usize, positions: usize| Head {
        name,
        scale: (1.0 / (size as f64).sqrt()) as f32,
        query: source.activations(size, Style::Usual),
        keys: kept(source.activations(size * positions, Style::Usual)),
        values: kept(source.activations(size * positions, Style::Usual)),
    };
    let all = [
        draw("one position", 4, 1),
        draw("three positions", 4, 3),
        draw("seven positions", 16, 7),
        draw("twenty positions", 8, 20),
        draw("more than a segment", 4, 600),
    ];
    let to_case = |head: Head| {
        let sizes = [head.query.len(), head.keys.len() / head.query.len()].map(|size| whole(size as i64)).to_vec();
        let parts = [sizes, numbers(&[head.scale]), numbers(&head.query), numbers(&head.keys), numbers(&head.values)];
        let mistaken = |mistake: &str| numbers(&attend(&head, mistake));
        case(head.name, parts.concat(), numbers(&right(&head)), MISTAKES, mistaken)
    };
    all.into_iter().map(to_case).collect()
}
