//! Clause R1: the chain, one fused multiply-add after another.

use super::case::{Case, Exercise, case, numbers, source, whole};
use hefu_numerics::conformance::Style;
use hefu_numerics::functions::fma;
use hefu_numerics::reference;

const MISTAKES: &[&str] = &["separate", "descending", "f64", "halves"];

pub(super) const EXERCISE: Exercise = Exercise { name: "chain", clause: "R1", mistakes: MISTAKES, cases };

fn drawn(seed: u64) -> Vec<(&'static str, Vec<f32>, Vec<f32>)> {
    let mut source = source(101, seed);
    let mut pair = |count: usize, style| [(); 2].map(|()| source.activations(count, style));
    let mut all = vec![("one element", vec![3.0], vec![-0.5])];
    for (name, count, style) in [
        ("three elements", 3, Style::Usual),
        ("a row", 64, Style::Usual),
        ("an odd row", 37, Style::Usual),
        ("a long row", 500, Style::Usual),
        ("tiny and huge", 50, Style::Extreme),
    ] {
        let [a, b] = pair(count, style);
        all.push((name, a, b));
    }
    all
}

fn halved(terms: &[f32]) -> f32 {
    match terms {
        [] => 0.0,
        [term] => *term,
        _ => halved(&terms[..terms.len() / 2]) + halved(&terms[terms.len() / 2..]),
    }
}

fn chain(a: &[f32], b: &[f32], mistake: &str) -> f32 {
    let pairs = || a.iter().copied().zip(b.iter().copied());
    match mistake {
        "separate" => pairs().fold(0.0, |sum, (a, b)| sum + a * b),
        "descending" => pairs().rev().fold(0.0, |sum, (a, b)| fma(a, b, sum)),
        "f64" => pairs().fold(0.0, |sum, (a, b)| sum + f64::from(a) * f64::from(b)) as f32,
        "halves" => halved(&pairs().map(|(a, b)| a * b).collect::<Vec<_>>()),
        _ => pairs().fold(0.0, |sum, (a, b)| fma(a, b, sum)),
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let to_case = |(name, a, b): (&str, Vec<f32>, Vec<f32>)| {
        let input = [vec![whole(a.len() as i64)], numbers(&a), numbers(&b)].concat();
        let right = numbers(&[reference::chain(&a, &b)]);
        case(name, input, right, MISTAKES, |mistake| numbers(&[chain(&a, &b, mistake)]))
    };
    drawn(seed).into_iter().map(to_case).collect()
}
