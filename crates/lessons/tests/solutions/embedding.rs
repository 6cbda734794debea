#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let (rows, columns, token) = (words.whole(), words.whole(), words.whole() as usize);
        let table: Vec<u16> =
            (0..rows * columns).map(|_| u16::from_str_radix(&words.text(), 16).expect("digits")).collect();
        let row = &table[token * columns as usize..][..columns as usize];
        digits(&row.iter().map(|bits| of_half(*bits)).collect::<Vec<_>>())
    });
}
