#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| digits(&words.rest().into_iter().map(exp).collect::<Vec<_>>()));
}
