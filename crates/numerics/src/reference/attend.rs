//! Attention (clauses A2 to A8).

use super::{QuantizedBlock, quantize_block};
use crate::attention::{Attention, SEGMENT, Span};
use crate::functions::{exp, fma, tanh};
use crate::kv::{BLOCK, PAGE, Profile};

/// Attention of every query over its sequence's visible positions; `output`: `[rows][heads][value_size]`.
pub fn attend(attention: &Attention<'_>, output: &mut [f32]) {
    let shape = attention.cache.shape;
    for span in attention.spans {
        for token in 0..span.tokens {
            for head in 0..attention.heads {
                let at = (span.row + token) * attention.heads + head;
                let query = &attention.queries[at * shape.key_size..][..shape.key_size];
                let output = &mut output[at * shape.value_size..][..shape.value_size];
                one_query(attention, span, span.position + token, &OfHead::new(attention, head), query, output);
            }
        }
    }
}

/// Data of one query head.
struct OfHead {
    /// The key-value head that it reads.
    head: usize,
    sink: Option<f32>,
    slope: Option<f32>,
}

impl OfHead {
    fn new(attention: &Attention<'_>, head: usize) -> Self {
        Self {
            head: head / (attention.heads / attention.cache.shape.heads),
            sink: attention.sinks.map(|sinks| sinks[head]),
            slope: attention.slopes.map(|slopes| slopes[head]),
        }
    }
}

/// Shares of one query's output: the weight of each (clauses A4 and A6) times the last factor of the sum.
#[derive(Debug, Clone, PartialEq)]
pub struct Shares {
    /// The first position that the query sees.
    pub first: usize,
    /// The shares of the positions from there on.
    pub positions: Vec<f32>,
    /// Share of the sink, where the head has one: it gives nothing to the output.
    pub sink: Option<f32>,
}

/// The shares in the output of one query. `token` is counted from the span's first.
pub fn attention_shares(attention: &Attention<'_>, span: &Span<'_>, token: usize, head: usize) -> Shares {
    let shape = attention.cache.shape;
    let query = &attention.queries[((span.row + token) * attention.heads + head) * shape.key_size..][..shape.key_size];
    let one = OfHead::new(attention, head);
    let scored = Scored::new(attention, span, span.position + token, &one, query);
    let segments = scored.segments().map(|(from, to)| scored.weights(from, to)).collect::<Vec<_>>();
    let total =
        scored.segments().zip(&segments).fold(0.0, |total, ((from, _), weights)| total + denominator(from, weights));
    let factor = scored.factor(total, one.sink);
    Shares {
        first: scored.first,
        positions: segments.into_iter().flatten().map(|weight| weight * factor).collect(),
        sink: one.sink.map(|sink| scored.weight(sink) * factor),
    }
}

/// The scores of the positions that one query sees.
struct Scored {
    first: usize,
    last: usize,
    scores: Vec<f32>,
    largest: f32,
}

impl Scored {
    fn new(
        attention: &Attention<'_>,
        span: &Span<'_>,
        position: usize,
        &OfHead { head, sink, slope }: &OfHead,
        query: &[f32],
    ) -> Self {
        let (first, last) = (attention.first_visible(position), attention.last_visible(span, position));
        let mut scores: Vec<f32> = match attention.cache.shape.profile {
            Profile::F16 => (first..=last).map(|t| score_f16(attention, span, head, query, t)).collect(),
            Profile::Q8 | Profile::I8 => {
                let query: Vec<QuantizedBlock> = query.chunks(BLOCK).map(quantize_block).collect();
                (first..=last).map(|t| score_q8(attention, span, head, &query, t)).collect()
            }
        };
        if let Some(slope) = slope {
            for (t, score) in (first..=last).zip(&mut scores) {
                *score = fma(-slope, position.abs_diff(t) as f32, *score);
            }
        }
        if let Some(cap) = attention.cap {
            scores.iter_mut().for_each(|score| *score = cap * tanh(*score / cap));
        }
        // A NaN among the scores never becomes the largest; it reaches the sums below and so the result.
        let all = scores.iter().chain(&sink);
        let largest = all.fold(f32::NEG_INFINITY, |largest, &score| if score > largest { score } else { largest });
        Self { first, last, scores, largest }
    }

    /// The first and the last visible position of each segment.
    fn segments(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let segments = self.first / SEGMENT..=self.last / SEGMENT;
        segments.map(|segment| (self.first.max(segment * SEGMENT), self.last.min(segment * SEGMENT + SEGMENT - 1)))
    }

    /// The weights of the positions `from..=to`.
    fn weights(&self, from: usize, to: usize) -> Vec<f32> {
        self.scores[from - self.first..=to - self.first].iter().map(|score| self.weight(*score)).collect()
    }

    /// The weight of a score.
    fn weight(&self, score: f32) -> f32 {
        exp(score - self.largest)
    }

    /// Last factor of the sums, by the total of the weights of all positions.
    fn factor(&self, mut total: f32, sink: Option<f32>) -> f32 {
        if let Some(sink) = sink {
            total += self.weight(sink);
        }
        1.0 / total
    }
}

fn one_query(
    attention: &Attention<'_>,
    span: &Span<'_>,
    position: usize,
    one: &OfHead,
    query: &[f32],
    output: &mut [f32],
) {
    let scored = Scored::new(attention, span, position, one, query);
    output.fill(0.0);
    let mut total = 0.0;
    for (from, to) in scored.segments() {
        let weights = scored.weights(from, to);
        add_segment(attention, span, one.head, from, &weights, output);
        total += denominator(from, &weights);
    }
    let factor = scored.factor(total, one.sink);
    for output in output {
        *output *= factor;
    }
}

fn score_f16(attention: &Attention<'_>, span: &Span<'_>, head: usize, query: &[f32], t: usize) -> f32 {
    let (cache, page) = (attention.cache, span.pages[t / PAGE] as usize);
    let mut sum = 0.0f32;
    for (i, &q) in query.iter().enumerate() {
        sum = fma(q, cache.key(page, head, t % PAGE, i), sum);
    }
    attention.scale * sum
}

fn score_q8(attention: &Attention<'_>, span: &Span<'_>, head: usize, query: &[QuantizedBlock], t: usize) -> f32 {
    let (cache, page) = (attention.cache, span.pages[t / PAGE] as usize);
    let mut sum = 0.0f32;
    for (block, query) in query.iter().enumerate() {
        let key = cache.key_block(page, head, t % PAGE, block);
        let products = query.q.iter().zip(&key.q).map(|(&a, &b)| i32::from(a) * i32::from(b));
        sum = fma(products.sum::<i32>() as f32, query.scale * key.scale, sum);
    }
    attention.scale * sum
}

/// The part in the denominator of the positions from `from` on that have these weights, in sixteen stripes by absolute position.
fn denominator(from: usize, weights: &[f32]) -> f32 {
    let mut stripes = [0.0f32; 16];
    for (t, &weight) in (from..).zip(weights) {
        stripes[t % 16] += weight;
    }
    for width in [8, 4, 2, 1] {
        for j in 0..width {
            stripes[j] += stripes[j + width];
        }
    }
    stripes[0]
}

/// Adds the positions from `from` on that have these weights, all of one segment, to `output`.
fn add_segment(
    attention: &Attention<'_>,
    span: &Span<'_>,
    head: usize,
    from: usize,
    weights: &[f32],
    output: &mut [f32],
) {
    let cache = attention.cache;
    let mut sums = vec![0.0f32; output.len()];
    for (t, &p) in (from..).zip(weights) {
        let page = span.pages[t / PAGE] as usize;
        match cache.shape.profile {
            Profile::F16 => {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = fma(p, cache.value(page, head, t % PAGE, i), *sum);
                }
            }
            // Below, many positions at a time.
            Profile::I8 => {}
            Profile::Q8 => {
                for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
                    let value = cache.value_block(page, head, t % PAGE, block);
                    let weight = p * value.scale;
                    for (sum, &q) in sums.iter_mut().zip(&value.q) {
                        *sum = fma(weight, f32::from(q), *sum);
                    }
                }
            }
        }
    }
    if cache.shape.profile == Profile::I8 {
        for block in from / BLOCK..(from + weights.len()).div_ceil(BLOCK) {
            let visible = (from..).zip(weights).filter(|(t, _)| t / BLOCK == block);
            add_block_i8(attention, span, head, visible, &mut sums);
        }
    }
    for (output, sum) in output.iter_mut().zip(&sums) {
        *output += sum;
    }
}

/// Adds the visible positions of one block of 32 of an i8 cache: weights times the values' scales become integers, and an
/// element's sum over the positions is exact.
fn add_block_i8<'w>(
    attention: &Attention<'_>,
    span: &Span<'_>,
    head: usize,
    visible: impl Iterator<Item = (usize, &'w f32)>,
    sums: &mut [f32],
) {
    let (mut folded, mut values) = ([0.0; BLOCK], vec![Vec::new(); BLOCK]);
    for (t, &weight) in visible {
        let (q, scale) = attention.cache.value_i8(span.pages[t / PAGE] as usize, head, t % PAGE);
        // A position without weight takes no part, whatever its scale is.
        folded[t % BLOCK] = if weight == 0.0 { 0.0 } else { weight * scale };
        values[t % BLOCK] = q;
    }
    let QuantizedBlock { q: weights, scale } = quantize_block(&folded);
    for (i, sum) in sums.iter_mut().enumerate() {
        let products = values.iter().zip(&weights).filter_map(|(q, &w)| Some(i32::from(*q.get(i)?) * i32::from(w)));
        *sum = fma(products.sum::<i32>() as f32, scale, *sum);
    }
}
