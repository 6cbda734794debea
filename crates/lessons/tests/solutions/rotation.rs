#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let pairs = words.whole();
        let mut head = words.numbers(2 * pairs);
        let (cosines, sines) = (words.numbers(pairs), words.numbers(pairs));
        for i in 0..cosines.len() {
            let (a, b) = (i, i + cosines.len());
            let (x, y) = (head[a], head[b]);
            head[a] = x.mul_add(cosines[i], -(y * sines[i]));
            head[b] = x.mul_add(sines[i], y * cosines[i]);
        }
        digits(&head)
    });
}
