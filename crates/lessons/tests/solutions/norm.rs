#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        let epsilon = words.number();
        let (x, gain) = (words.numbers(count), words.numbers(count));
        let mean = lane_sum16(&x, |x, sum| x.mul_add(x, sum)) / count as f32;
        let factor = 1.0 / (mean + epsilon).sqrt();
        digits(&x.iter().zip(&gain).map(|(x, gain)| x * factor * gain).collect::<Vec<_>>())
    });
}
