#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let (count, used) = (words.whole(), words.whole() as usize);
        let scores = words.numbers(count);
        let mut order: Vec<usize> = (0..scores.len()).collect();
        // A sort that keeps the order of equals.
        order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
        let mut chosen = order[..used].to_vec();
        chosen.sort_unstable();
        let largest = scores[order[0]];
        let p: Vec<f32> = scores.iter().map(|score| exp(score - largest)).collect();
        let factor = 1.0 / lane_sum16(&p, |p, sum| sum + p);
        let mut sum = 0.0_f32;
        for expert in &chosen {
            sum += p[*expert] * factor;
        }
        let words = |expert: &usize| {
            let weight = p[*expert] * factor / sum.max(2.0_f32.powi(-14));
            [expert.to_string(), digits(&[weight]).remove(0)]
        };
        chosen.iter().flat_map(words).collect()
    });
}
