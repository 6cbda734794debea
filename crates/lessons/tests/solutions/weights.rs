#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let temperature = words.number();
        let count = words.whole();
        let logits = words.numbers(count);
        let best = logits.iter().fold(f32::NEG_INFINITY, |best, logit| best.max(*logit));
        let weight = |logit: &f32| {
            let power = f64::from((logit - best) / temperature).exp() as f32;
            (f64::from(power) * 2.0_f64.powi(40)).floor() as u64
        };
        let weights: Vec<u64> = logits.iter().map(weight).collect();
        weights.iter().chain([&weights.iter().sum()]).map(u64::to_string).collect()
    });
}
