#![allow(dead_code)]
mod words;
use words::*;

fn half(x: f32) -> u16 {
    if x.is_nan() {
        return 0x7e00;
    }
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let magnitude = x.abs();
    if magnitude >= 65520.0 {
        return sign | 0x7c00;
    }
    // Neighbours lie this far apart; bits count up by one from each to the next.
    let exponent = ((magnitude.to_bits() >> 23) as i32 - 127).max(-14);
    let steps = (magnitude * 2.0_f32.powi(10 - exponent)).round_ties_even() as u16;
    sign | (((exponent + 14) as u16) << 10) + steps
}

fn main() {
    answer(|words| words.rest().into_iter().map(|x| format!("{:04x}", half(x))).collect());
}
