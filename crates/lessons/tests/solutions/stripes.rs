#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        digits(&[stripe16(&words.numbers(count), |x, sum| sum + x)])
    });
}
