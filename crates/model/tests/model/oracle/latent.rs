//! Latent attention as its paper has it (arXiv 2405.04434), keys and values of every head made from the latent vector, and
//! the experts of the third version (arXiv 2412.19437).

use super::{Memory, Textbook, add, dot, product, sigmoid};
use crate::tiny::{GROUPS, HEAD_SIZE, HEADS, RANK, ROTATED, WIDTH};

impl Textbook<'_> {
    pub(super) fn latent(&self, layer: usize, position: usize, x: &[f64], memory: &mut Memory) -> Vec<f64> {
        let tensor = |name: &str| self.tensor(&format!("blk.{layer}.attn_{name}.weight")).expect("latent attention");
        let norm = |x: &[f64], name: &str| self.norm(x, &format!("blk.{layer}.attn_{name}.weight"));
        let queries = product(&tensor("q_b"), &norm(&product(&tensor("q_a"), x), "q_a_norm"));
        let mut latent = product(&tensor("kv_a_mqa"), x);
        let mut key = latent.split_off(RANK);
        self.rotate(&mut key, position);
        memory.pairs.push([norm(&latent, "kv_a_norm"), key]);
        let root = 0.0707 * 4f64.ln() + 1.0;
        let scale = root * root / ((HEAD_SIZE + ROTATED) as f64).sqrt();
        let (up_keys, up_values) = (tensor("k_b"), tensor("v_b"));
        let mut heads = vec![];
        for (head, query) in queries.chunks_exact(HEAD_SIZE + ROTATED).enumerate() {
            let mut turned = query[HEAD_SIZE..].to_vec();
            self.rotate(&mut turned, position);
            // The file has the first matrix transposed: a row for each element of the latent vector.
            let up_key = &up_keys[head * RANK * HEAD_SIZE..][..RANK * HEAD_SIZE];
            let up_value = &up_values[head * RANK * HEAD_SIZE..][..RANK * HEAD_SIZE];
            let weight = |[latent, key]: &[Vec<f64>; 2]| {
                let plain =
                    (0..HEAD_SIZE).map(|i| (0..RANK).map(|r| up_key[r * HEAD_SIZE + i] * latent[r]).sum::<f64>());
                let plain: Vec<f64> = plain.collect();
                (scale * (dot(&query[..HEAD_SIZE], &plain) + dot(&turned, key))).exp()
            };
            let weights: Vec<f64> = memory.pairs.iter().map(weight).collect();
            let total: f64 = weights.iter().sum();
            let mut sum = vec![0.0; HEAD_SIZE];
            for (weight, [latent, _]) in weights.iter().zip(&memory.pairs) {
                add(&mut sum, &product(up_value, latent).iter().map(|v| v * weight / total).collect::<Vec<_>>());
            }
            heads.extend(sum);
        }
        assert_eq!(heads.len(), HEADS * HEAD_SIZE);
        product(&tensor("output"), &heads)
    }

    pub(super) fn mixture(&self, layer: usize, x: &[f64]) -> Vec<f64> {
        let tensor = |name: &str| self.tensor(&format!("blk.{layer}.{name}")).expect("experts");
        let probabilities: Vec<f64> = product(&tensor("ffn_gate_inp.weight"), x).into_iter().map(sigmoid).collect();
        let biased: Vec<f64> = probabilities.iter().zip(tensor("exp_probs_b.bias")).map(|(p, bias)| p + bias).collect();
        // Groups of two experts count as both together.
        let order = |numbers: Vec<f64>| {
            let mut order: Vec<usize> = (0..numbers.len()).collect();
            order.sort_by(|a, b| numbers[*b].total_cmp(&numbers[*a]));
            order
        };
        let groups = order(biased.chunks_exact(2).map(|group| group[0] + group[1]).collect());
        let is_open = |expert: &usize| groups[..GROUPS - 1].contains(&(expert / 2));
        let chosen: Vec<usize> = order(biased).into_iter().filter(is_open).take(2).collect();
        let total: f64 = chosen.iter().map(|expert| probabilities[*expert]).sum();
        let gated = |end: &str, expert: usize| {
            let part = |name: &str| {
                let all = tensor(&format!("ffn_{name}_{end}.weight"));
                all[expert * WIDTH * RANK..][..WIDTH * RANK].to_vec()
            };
            let gate = product(&part("gate"), x).into_iter().map(|gate| gate * sigmoid(gate));
            let inner: Vec<f64> = gate.zip(product(&part("up"), x)).map(|(gate, up)| gate * up).collect();
            product(&part("down"), &inner)
        };
        let mut sum = gated("shexp", 0);
        for expert in chosen {
            let weight = 1.5 * probabilities[expert] / total;
            add(&mut sum, &gated("exps", expert).iter().map(|y| y * weight).collect::<Vec<_>>());
        }
        sum
    }
}
