#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        let (a, b) = (words.numbers(count), words.numbers(count));
        let mut sum = 0.0_f32;
        for i in 0..a.len() {
            sum = a[i].mul_add(b[i], sum);
        }
        digits(&[sum])
    });
}
