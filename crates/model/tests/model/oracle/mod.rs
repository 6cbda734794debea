//! The textbook's forward pass in f64, one token after the other, straight from the tensors' names: an independent
//! second opinion on every family. Weights are plain numbers, so that what differs is the cache's binary16 and f32.

use std::f64::consts::PI;

use hefu_model::gguf::Value;

mod delta;
mod latent;

use crate::devices::logits;
use crate::tiny::{
    FAMILIES, HEAD_SIZE, HEADS, KEY_VALUE_HEADS, ROTATED, Tiny, VOCABULARY, WIDTH, WINDOW, distance, tokens,
};

#[test]
fn every_family_agrees_with_the_textbook() {
    for family in FAMILIES {
        // Experts that are nearly as good as each other may be chosen either way; with these seeds none are.
        let mut tiny = Tiny::new(family, 6, if family == "deepseek2" { 42 } else { 41 });
        tiny.tensors.iter_mut().for_each(|tensor| tensor.format = "F32");
        let tokens = tokens(30, 42);
        let expected = Textbook { family, tiny: &tiny }.logits(&tokens);
        let found = logits(&tiny.load().expect("a good model"), &tokens, [30]);
        let distance = distance(&expected, &found);
        assert!(distance < 4e-3, "{family}: {distance}");
    }
}

#[test]
fn yarn_agrees_with_its_paper() {
    let mut tiny = Tiny::new("qwen2", 2, 43);
    tiny.tensors.iter_mut().for_each(|tensor| tensor.format = "F32");
    tiny.set("rope.scaling.type", Value::String(b"yarn"));
    tiny.set("rope.scaling.factor", Value::F32(4.0));
    tiny.set("rope.scaling.original_context_length", Value::U32(64));
    let tokens = tokens(30, 44);
    let expected = Textbook { family: "yarn", tiny: &tiny }.logits(&tokens);
    let found = logits(&tiny.load().expect("a good model"), &tokens, [30]);
    let distance = distance(&expected, &found);
    assert!(distance < 4e-3, "{distance}");
}

struct Textbook<'t> {
    family: &'t str,
    tiny: &'t Tiny,
}

/// Memory of a layer for earlier positions.
#[derive(Clone, Default)]
struct Memory {
    /// Keys and values, or latent vectors and the rotated parts of keys.
    pairs: Vec<[Vec<f64>; 2]>,
    /// Inputs of a short convolution.
    inputs: Vec<Vec<f64>>,
    /// A matrix `[key][value]` for each head of a gated delta layer.
    states: Vec<Vec<Vec<f64>>>,
}

impl Textbook<'_> {
    fn logits(&self, tokens: &[u32]) -> Vec<f32> {
        let layers = self.tiny.tensors.iter().filter(|tensor| tensor.name.ends_with("attn_norm.weight")).count();
        let mut memories = vec![Memory::default(); layers];
        let mut logits = vec![];
        let embedding = self.tensor("token_embd.weight").expect("every model has it");
        let (post_norm, ffn_norm) =
            if self.family == "qwen35" { ("none", "post_attention_norm") } else { ("post_attention_norm", "ffn_norm") };
        for (position, token) in tokens.iter().enumerate() {
            let mut x = embedding[*token as usize * WIDTH..][..WIDTH].to_vec();
            if self.family == "gemma3" {
                x.iter_mut().for_each(|x| *x *= 8.0);
            }
            for (layer, memory) in memories.iter_mut().enumerate() {
                let normed = self.norm(&x, &format!("blk.{layer}.attn_norm.weight"));
                let mixed = match self.family {
                    "deepseek2" => self.latent(layer, position, &normed, memory),
                    "qwen35" if layer % 2 == 0 => self.delta(layer, &normed, memory),
                    _ => self.attention(layer, position, &normed, &mut memory.pairs),
                };
                add(&mut x, &self.norm(&mixed, &format!("blk.{layer}.{post_norm}.weight")));
                let mixed = self.feed_forward(layer, &self.norm(&x, &format!("blk.{layer}.{ffn_norm}.weight")));
                add(&mut x, &self.norm(&mixed, &format!("blk.{layer}.post_ffw_norm.weight")));
            }
            let output = self.tensor("output.weight").unwrap_or_else(|| embedding.clone());
            logits.extend(product(&output, &self.norm(&x, "output_norm.weight")).iter().map(|x| *x as f32));
        }
        assert_eq!(logits.len(), tokens.len() * VOCABULARY);
        logits
    }

    fn attention(&self, layer: usize, position: usize, x: &[f64], cache: &mut Vec<[Vec<f64>; 2]>) -> Vec<f64> {
        let name = |part: &str| format!("blk.{layer}.attn_{part}");
        let is_local = self.family == "gemma3" && layer % 6 != 5;
        let mut gates = vec![];
        let parts = ["q", "k", "v"].map(|part| {
            let mut y = match self.tensor(&name(&format!("{part}.weight"))) {
                Some(matrix) => product(&matrix, x),
                None => {
                    let all = product(&self.tensor(&name("qkv.weight")).expect("fused"), x);
                    let (queries, keys) = (HEADS * HEAD_SIZE, KEY_VALUE_HEADS * HEAD_SIZE);
                    let start = if part == "q" {
                        0
                    } else if part == "k" {
                        queries
                    } else {
                        queries + keys
                    };
                    all[start..][..if part == "q" { queries } else { keys }].to_vec()
                }
            };
            self.tensor(&name(&format!("{part}.bias"))).iter().for_each(|bias| add(&mut y, bias));
            if self.family == "qwen35" && part == "q" {
                // Each head's query, then its gate.
                let heads: Vec<&[f64]> = y.chunks_exact(HEAD_SIZE).collect();
                gates = heads.iter().skip(1).step_by(2).copied().flatten().copied().collect();
                y = heads.iter().step_by(2).copied().flatten().copied().collect();
            }
            if part != "v" {
                for head in y.chunks_exact_mut(HEAD_SIZE) {
                    let normed = self.norm(head, &name(&format!("{part}_norm.weight")));
                    head.copy_from_slice(&normed);
                    if self.family != "smollm3" || layer % 4 != 3 {
                        self.rotate(head, position);
                    }
                }
            }
            y
        });
        let [queries, keys, values] = parts;
        cache.push([keys, values]);
        let first = if is_local { (position + 1).saturating_sub(WINDOW) } else { 0 };
        let mut heads = vec![];
        for (head, query) in queries.chunks_exact(HEAD_SIZE).enumerate() {
            let shared = head / (HEADS / KEY_VALUE_HEADS) * HEAD_SIZE..;
            let score = |[keys, _]: &[Vec<f64>; 2]| (dot(query, &keys[shared.clone()][..HEAD_SIZE]) / 4.0).exp();
            let weights: Vec<f64> = cache[first..].iter().map(score).collect();
            let mut sum = vec![0.0; HEAD_SIZE];
            for (weight, [_, values]) in weights.iter().zip(&cache[first..]) {
                let scaled: Vec<f64> = values[shared.clone()][..HEAD_SIZE].iter().map(|v| v * weight).collect();
                add(&mut sum, &scaled);
            }
            heads.extend(sum.iter().map(|x| x / weights.iter().sum::<f64>()));
        }
        heads.iter_mut().zip(&gates).for_each(|(x, gate)| *x *= sigmoid(*gate));
        product(&self.tensor(&name("output.weight")).expect("every model has it"), &heads)
    }

    /// Rotates the first elements of a head, all of them in most families.
    fn rotate(&self, head: &mut [f64], position: usize) {
        let rotated = if ["deepseek2", "qwen35"].contains(&self.family) { ROTATED } else { HEAD_SIZE };
        let half = rotated / 2;
        let factors = self.tensor("rope_freqs.weight").or_else(|| self.tensor("rope_factors_long.weight"));
        let magnitude = match self.family {
            "phi3" => f64::from(1.19f32),
            "yarn" => 0.1 * 4f64.ln() + 1.0,
            _ => 1.0,
        };
        for i in 0..half {
            let mut frequency = 10_000f64.powf(-(i as f64) / half as f64);
            frequency /= factors.as_ref().map_or(1.0, |factors| factors[i]);
            if ["yarn", "deepseek2"].contains(&self.family) {
                let pair = |turns: f64| rotated as f64 * (64.0 / (turns * 2.0 * PI)).ln() / (2.0 * 10_000f64.ln());
                let (low, high) = (pair(32.0).floor().max(0.0), pair(1.0).ceil().min(rotated as f64 - 1.0));
                let divided = ((i as f64 - low) / (high - low)).clamp(0.0, 1.0);
                frequency = frequency / 4.0 * divided + frequency * (1.0 - divided);
            }
            let are_neighbours = ["llama", "llama-experts", "deepseek2", "smollm3"].contains(&self.family);
            let (a, b) = if are_neighbours { (2 * i, 2 * i + 1) } else { (i, i + half) };
            let (sine, cosine) = (position as f64 * frequency).sin_cos();
            let (x, y) = (head[a] * magnitude, head[b] * magnitude);
            (head[a], head[b]) = (x * cosine - y * sine, x * sine + y * cosine);
        }
    }

    fn feed_forward(&self, layer: usize, x: &[f64]) -> Vec<f64> {
        let tensor = |part: &str| self.tensor(&format!("blk.{layer}.ffn_{part}.weight"));
        let gated = |gate: &[f64], up: &[f64], down: &[f64]| {
            let gate = product(gate, x).into_iter().map(|g| match self.family {
                "gemma3" => g / 2.0 * (1.0 + ((2.0 / PI).sqrt() * (g + 0.044715 * g * g * g)).tanh()),
                _ => g / (1.0 + (-g).exp()),
            });
            let inner: Vec<f64> = gate.zip(product(up, x)).map(|(gate, up)| gate * up).collect();
            product(down, &inner)
        };
        if self.family == "deepseek2" && tensor("gate_inp").is_some() {
            return self.mixture(layer, x);
        }
        if let Some(router) = tensor("gate_inp") {
            let scores: Vec<f64> = product(&router, x).into_iter().map(f64::exp).collect();
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            let [gate, up, down] = ["gate_exps", "up_exps", "down_exps"].map(|part| tensor(part).expect("experts"));
            let mut sum = vec![0.0; WIDTH];
            for expert in &order[..2] {
                let part = |all: &[f64]| all[expert * all.len() / scores.len()..][..all.len() / scores.len()].to_vec();
                let weight = scores[*expert] / (scores[order[0]] + scores[order[1]]);
                let output = gated(&part(&gate), &part(&up), &part(&down));
                add(&mut sum, &output.iter().map(|y| y * weight).collect::<Vec<_>>());
            }
            return sum;
        }
        let (up, down) = (tensor("up").expect("every model has it"), tensor("down").expect("every model has it"));
        match tensor("gate") {
            Some(gate) => gated(&gate, &up, &down),
            None => gated(&up[..up.len() / 2], &up[up.len() / 2..], &down),
        }
    }

    /// A root-mean-square norm, or `x` itself where the model has none of this name.
    fn norm(&self, x: &[f64], gain: &str) -> Vec<f64> {
        let Some(gain) = self.tensor(gain) else { return x.to_vec() };
        let root = (dot(x, x) / x.len() as f64 + 1e-6).sqrt();
        x.iter().zip(gain).map(|(x, gain)| x / root * gain).collect()
    }

    fn tensor(&self, name: &str) -> Option<Vec<f64>> {
        let tensor = self.tiny.tensors.iter().find(|tensor| tensor.name == name)?;
        Some(tensor.values.iter().map(|x| f64::from(*x)).collect())
    }
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn product(matrix: &[f64], x: &[f64]) -> Vec<f64> {
    matrix.chunks_exact(x.len()).map(|row| dot(row, x)).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add(sum: &mut [f64], addend: &[f64]) {
    sum.iter_mut().zip(addend).for_each(|(sum, addend)| *sum += addend);
}
