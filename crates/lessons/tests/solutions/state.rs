#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let (rows, keys, values) = (words.whole(), words.whole(), words.whole());
        let scale = words.number();
        let mut state = vec![vec![0.0_f32; keys as usize]; values as usize];
        let mut out = Vec::new();
        for _ in 0..rows {
            let (query, key, value) = (words.numbers(keys), words.numbers(keys), words.numbers(values));
            let (kept, beta) = (exp(words.number()), words.number());
            for (column, value) in state.iter_mut().zip(&value) {
                column.iter_mut().for_each(|x| *x *= kept);
                let delta = (value - chain(column, &key)) * beta;
                for (x, key) in column.iter_mut().zip(&key) {
                    *x = key.mul_add(delta, *x);
                }
                out.push(scale * chain(column, &query));
            }
        }
        digits(&out)
    });
}
