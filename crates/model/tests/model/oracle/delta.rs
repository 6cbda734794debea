//! A gated delta layer as its paper has it (arXiv 2412.06464), with a short convolution before and a gated norm after it.

use super::{Memory, Textbook, dot, product, sigmoid};
use crate::tiny::{DELTA, TAPS};

impl Textbook<'_> {
    pub(super) fn delta(&self, layer: usize, x: &[f64], memory: &mut Memory) -> Vec<f64> {
        let [size, keys, values] = DELTA;
        let tensor = |name: &str| self.tensor(&format!("blk.{layer}.{name}")).expect("a gated delta layer");
        memory.inputs.push(product(&tensor("attn_qkv.weight"), x));
        memory.states.resize(values, vec![vec![0.0; size]; size]);
        let kernel = tensor("ssm_conv1d.weight");
        let mixed: Vec<f64> = (0..(2 * keys + values) * size)
            .map(|channel| {
                let latest = memory.inputs.iter().rev().zip(kernel[channel * TAPS..][..TAPS].iter().rev());
                let sum: f64 = latest.map(|(input, weight)| input[channel] * weight).sum();
                sum * sigmoid(sum)
            })
            .collect();
        let unit = |x: &[f64]| x.iter().map(|y| y / (dot(x, x) + 1e-6).sqrt()).collect::<Vec<f64>>();
        let beta = product(&tensor("ssm_beta.weight"), x);
        let alpha = product(&tensor("ssm_alpha.weight"), x);
        let (rates, biases) = (tensor("ssm_a"), tensor("ssm_dt.bias"));
        let gates = product(&tensor("attn_gate.weight"), x);
        let mut heads = vec![];
        for (head, state) in memory.states.iter_mut().enumerate() {
            let part = |head: usize| &mixed[head * size..][..size];
            // Value heads are tiled over key heads.
            let (query, key) = (unit(part(head % keys)), unit(part(keys + head % keys)));
            let value = part(2 * keys + head);
            let kept = (rates[head] * (1.0 + (alpha[head] + biases[head]).exp()).ln()).exp();
            state.iter_mut().flatten().for_each(|x| *x *= kept);
            let known = |v: usize, state: &[Vec<f64>]| (0..size).map(|k| state[k][v] * key[k]).sum::<f64>();
            let change: Vec<f64> = (0..size).map(|v| sigmoid(beta[head]) * (value[v] - known(v, state))).collect();
            for (row, key) in state.iter_mut().zip(&key) {
                row.iter_mut().zip(&change).for_each(|(x, change)| *x += key * change);
            }
            let read = |v: usize| (0..size).map(|k| state[k][v] * query[k]).sum::<f64>() / (size as f64).sqrt();
            let normed = self.norm(&(0..size).map(read).collect::<Vec<_>>(), &format!("blk.{layer}.ssm_norm.weight"));
            let gates = &gates[head * size..][..size];
            heads.extend(normed.iter().zip(gates).map(|(x, gate)| x * gate * sigmoid(*gate)));
        }
        product(&tensor("ssm_out.weight"), &heads)
    }
}
