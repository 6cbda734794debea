//! Clauses A1 and B3: what the cache keeps of a number.

use super::case::{Case, Exercise, Word, case, numbers, source};
use hefu_numerics::conformance::Style;
use hefu_numerics::half::f32_to_f16;

const MISTAKES: &[&str] = &["truncated", "away", "flushed", "bounded"];

pub(super) const EXERCISE: Exercise = Exercise { name: "half", clause: "A1", mistakes: MISTAKES, cases };

/// The greatest finite binary16.
const GREATEST: u16 = 0x7bff;
const INFINITY: u16 = 0x7c00;

fn half(x: f32, mistake: &str) -> u16 {
    if x.is_nan() {
        return 0x7e00;
    }
    let (sign, magnitude) = (((x.to_bits() >> 16) & 0x8000) as u16, f64::from(x.abs()));
    // Neighbours lie a power of two apart: 2^-24 among subnormals, else a 1024th of the power of two below the number.
    let exponent = ((magnitude.to_bits() >> 52) as i32 - 1023).max(-14);
    let spacing = libm::ldexp(1.0, exponent - 10);
    let steps = magnitude / spacing;
    let rounded = match mistake {
        "truncated" => steps.floor(),
        "away" => steps.round(),
        _ => steps.round_ties_even(),
    };
    let value = rounded * spacing;
    let bits = if value >= 65536.0 || value.is_nan() {
        if mistake == "bounded" || mistake == "truncated" && x.is_finite() { GREATEST } else { INFINITY }
    } else if value < libm::ldexp(1.0, -14) {
        if mistake == "flushed" { 0 } else { (value * 16_777_216.0) as u16 }
    } else {
        // A carry may have led to the next power of two.
        let exponent = (value.to_bits() >> 52) as i32 - 1023;
        let fraction = value / libm::ldexp(1.0, exponent - 10) - 1024.0;
        ((exponent + 15) as u16) << 10 | fraction as u16
    };
    sign | bits
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(108, seed);
    let subnormal = source.activations(40, Style::Usual).iter().map(|x| x * 1.0e-5).collect();
    let ties = (0..20).map(|i| (1.0 + (2 * i + 1) as f32 / 2048.0) * if i % 3 == 0 { -1.0 } else { 1.0 }).collect();
    let all = [
        ("by hand", vec![0.0, -0.0, 1.0, -2.5, 0.1]),
        ("as in a model", source.activations(60, Style::Usual)),
        ("in the middle", ties),
        ("subnormal", subnormal),
        ("at the end", vec![65504.0, 65519.0, 65520.0, -65520.0, 70000.0, -1.0e30, f32::INFINITY, 2.0e-8, 3.0e-8]),
    ];
    let to_case = |(name, x): (&str, Vec<f32>)| {
        let of = |f: &dyn Fn(f32) -> u16| x.iter().map(|x| Word::Text(format!("{:04x}", f(*x)))).collect::<Vec<_>>();
        case(name, numbers(&x), of(&f32_to_f16), MISTAKES, |mistake| of(&|x| half(x, mistake)))
    };
    all.into_iter().map(to_case).collect()
}
