//! Clause F1: the exponential function, operation by operation.

use super::case::{Case, Exercise, case, numbers, source};
use hefu_numerics::conformance::Style;
use hefu_numerics::functions;

const MISTAKES: &[&str] = &["library", "separate", "one-part", "flushed"];

pub(super) const EXERCISE: Exercise = Exercise { name: "exp", clause: "F1", mistakes: MISTAKES, cases };

const ROUND: f32 = 12_582_912.0;
/// The coefficients by their bits, highest power first.
const COEFFICIENTS: [u32; 6] = [0x3950_6967, 0x3ab7_43ce, 0x3c08_8908, 0x3d2a_a9c1, 0x3e2a_aaaa, 0x3f00_0000];

fn power_of_two(n: i32) -> f64 {
    libm::ldexp(1.0, n)
}

/// `e^x` by the clause. What is exact there is exact in f64 too: the product with the power of two is rounded once.
pub(super) fn exp(x: f32, mistake: &str) -> f32 {
    let fma = |a: f32, b: f32, c: f32| if mistake == "separate" { a * b + c } else { functions::fma(a, b, c) };
    if mistake == "library" {
        return libm::exp(f64::from(x)) as f32;
    }
    // In this order a NaN stays.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    let n = fma(x, f32::from_bits(0x3fb8_aa3b), ROUND) - ROUND;
    let r = if mistake == "one-part" {
        fma(n, -std::f32::consts::LN_2, x)
    } else {
        fma(n, f32::from_bits(0x395e_8083), fma(n, -f32::from_bits(0x3f31_8000), x))
    };
    let mut y = f32::from_bits(COEFFICIENTS[0]);
    for bits in &COEFFICIENTS[1..] {
        y = fma(y, r, f32::from_bits(*bits));
    }
    let y = fma(y, r * r, r) + 1.0;
    let result = (f64::from(y) * power_of_two(n as i32)) as f32;
    if mistake == "flushed" && result.is_subnormal() { 0.0 } else { result }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(105, seed);
    let mut scaled = |count: usize, factor: f32| -> Vec<f32> {
        source.activations(count, Style::Usual).iter().map(|x| x * factor).collect()
    };
    let all = [
        ("by hand", vec![0.0, -0.0, 1.0, -1.0, 0.5, std::f32::consts::LN_2]),
        ("scores of attention", scaled(60, 1.0).iter().map(|x| -x.abs()).collect()),
        ("further away", scaled(60, 8.0)),
        ("subnormal results", (0..30).map(|i| -87.5 - i as f32 * 0.55).collect()),
        (
            "beyond the ends",
            vec![88.7, 88.8, 100.0, f32::INFINITY, -103.9, -104.5, -200.0, f32::NEG_INFINITY, f32::NAN],
        ),
    ];
    let to_case = |(name, x): (&str, Vec<f32>)| {
        let of = |f: &dyn Fn(f32) -> f32| numbers(&x.iter().map(|x| f(*x)).collect::<Vec<_>>());
        case(name, numbers(&x), of(&functions::exp), MISTAKES, |mistake| of(&|x| exp(x, mistake)))
    };
    all.into_iter().map(to_case).collect()
}
