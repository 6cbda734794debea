#![allow(dead_code)]
mod words;
use words::*;

fn main() {
    answer(|words| {
        let x = words.rest();
        let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let (mut d, mut q) = (0.0, vec![0; x.len()]);
        if x.iter().any(|x| !x.is_finite()) {
            d = f32::NAN;
        } else if largest >= 2.0_f32.powi(-100) {
            d = largest / 127.0;
            let inverse = 127.0 / largest;
            q = x.iter().map(|x| (x * inverse).round_ties_even() as i32).collect();
        }
        digits(&[d]).into_iter().chain(q.iter().map(i32::to_string)).collect()
    });
}
