#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let x = words.rest();
        digits(&x.chunks(3).map(|x| x[0].mul_add(x[1], x[2])).collect::<Vec<_>>())
    });
}
