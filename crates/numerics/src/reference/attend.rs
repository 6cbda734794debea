//! Attention (clauses A2 to A8).

use super::{QuantizedBlock, quantize_block};
use crate::attention::{Attention, SEGMENT, Span};
use crate::functions::{exp, tanh};
use crate::kv::{BLOCK, PAGE, Profile};

/// Attention of every query over its sequence's visible positions; `output`: `[rows][heads][value_size]`.
pub fn attend(attention: &Attention<'_>, output: &mut [f32]) {
    let shape = attention.cache.shape;
    let group = attention.heads / shape.heads;
    for span in attention.spans {
        for token in 0..span.tokens {
            for head in 0..attention.heads {
                let at = (span.row + token) * attention.heads + head;
                let query = &attention.queries[at * shape.key_size..][..shape.key_size];
                let output = &mut output[at * shape.value_size..][..shape.value_size];
                let one = OfHead {
                    head: head / group,
                    sink: attention.sinks.map(|sinks| sinks[head]),
                    slope: attention.slopes.map(|slopes| slopes[head]),
                };
                one_query(attention, span, span.position + token, one, query, output);
            }
        }
    }
}

/// What a query head has of its own.
struct OfHead {
    /// The key-value head that it reads.
    head: usize,
    sink: Option<f32>,
    slope: Option<f32>,
}

fn one_query(
    attention: &Attention<'_>,
    span: &Span<'_>,
    position: usize,
    OfHead { head, sink, slope }: OfHead,
    query: &[f32],
    output: &mut [f32],
) {
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
            *score = (-slope).mul_add(position.abs_diff(t) as f32, *score);
        }
    }
    if let Some(cap) = attention.cap {
        scores.iter_mut().for_each(|score| *score = cap * tanh(*score / cap));
    }
    // A NaN among the scores never becomes the largest; it reaches the sums below and so the result.
    let all = scores.iter().chain(&sink);
    let largest = all.fold(f32::NEG_INFINITY, |largest, &score| if score > largest { score } else { largest });
    output.fill(0.0);
    let mut total = 0.0;
    for segment in first / SEGMENT..=last / SEGMENT {
        let from = first.max(segment * SEGMENT);
        let to = last.min(segment * SEGMENT + SEGMENT - 1);
        total += add_segment(attention, span, head, from, to, &scores[from - first..], largest, output);
    }
    if let Some(sink) = sink {
        total += exp(sink - largest);
    }
    let factor = 1.0 / total;
    for output in output {
        *output *= factor;
    }
}

fn score_f16(attention: &Attention<'_>, span: &Span<'_>, head: usize, query: &[f32], t: usize) -> f32 {
    let (cache, page) = (attention.cache, span.pages[t / PAGE] as usize);
    let mut sum = 0.0f32;
    for (i, &q) in query.iter().enumerate() {
        sum = q.mul_add(cache.key(page, head, t % PAGE, i), sum);
    }
    attention.scale * sum
}

fn score_q8(attention: &Attention<'_>, span: &Span<'_>, head: usize, query: &[QuantizedBlock], t: usize) -> f32 {
    let (cache, page) = (attention.cache, span.pages[t / PAGE] as usize);
    let mut sum = 0.0f32;
    for (block, query) in query.iter().enumerate() {
        let key = cache.key_block(page, head, t % PAGE, block);
        let products = query.q.iter().zip(&key.q).map(|(&a, &b)| i32::from(a) * i32::from(b));
        sum = (products.sum::<i32>() as f32).mul_add(query.scale * key.scale, sum);
    }
    attention.scale * sum
}

/// Adds positions `from..=to`, all of one segment, to `output`; returns their part of the denominator, in sixteen
/// stripes by absolute position.
#[expect(clippy::too_many_arguments, reason = "the naive loop names all that it reads")]
fn add_segment(
    attention: &Attention<'_>,
    span: &Span<'_>,
    head: usize,
    from: usize,
    to: usize,
    scores: &[f32],
    largest: f32,
    output: &mut [f32],
) -> f32 {
    let cache = attention.cache;
    let mut stripes = [0.0f32; 16];
    let mut sums = vec![0.0f32; output.len()];
    let weights: Vec<f32> = scores.iter().take(to + 1 - from).map(|score| exp(score - largest)).collect();
    for (t, &p) in (from..=to).zip(&weights) {
        stripes[t % 16] += p;
        let page = span.pages[t / PAGE] as usize;
        match cache.shape.profile {
            Profile::F16 => {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = p.mul_add(cache.value(page, head, t % PAGE, i), *sum);
                }
            }
            // Below, many positions at a time.
            Profile::I8 => {}
            Profile::Q8 => {
                for (block, sums) in sums.chunks_mut(BLOCK).enumerate() {
                    let value = cache.value_block(page, head, t % PAGE, block);
                    let weight = p * value.scale;
                    for (sum, &q) in sums.iter_mut().zip(&value.q) {
                        *sum = weight.mul_add(f32::from(q), *sum);
                    }
                }
            }
        }
    }
    if cache.shape.profile == Profile::I8 {
        for block in from / BLOCK..=to / BLOCK {
            let visible = (from..=to).zip(&weights).filter(|(t, _)| t / BLOCK == block);
            add_block_i8(attention, span, head, visible, &mut sums);
        }
    }
    for (output, sum) in output.iter_mut().zip(&sums) {
        *output += sum;
    }
    for width in [8, 4, 2, 1] {
        for j in 0..width {
            stripes[j] += stripes[j + width];
        }
    }
    stripes[0]
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
        *sum = (products.sum::<i32>() as f32).mul_add(scale, *sum);
    }
}
