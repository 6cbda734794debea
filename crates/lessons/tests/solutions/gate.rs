#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let count = words.whole();
        let (gates, ups) = (words.numbers(count), words.numbers(count));
        digits(&gates.iter().zip(&ups).map(|(gate, up)| gate / (1.0 + exp(-gate)) * up).collect::<Vec<_>>())
    });
}
