#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        digits(&[lane_sum16(&words.numbers(count), |x, sum| sum + x)])
    });
}
