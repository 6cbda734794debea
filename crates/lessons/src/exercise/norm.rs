//! Clause N1: the root-mean-square norm.

use super::case::{Case, Exercise, case, numbers, source, whole};
use super::stripes::striped;
use hefu_numerics::conformance::Style;
use hefu_numerics::functions::fma;
use hefu_numerics::reference;

const MISTAKES: &[&str] = &["one-sum", "gain-first", "divided", "epsilon-last", "f64"];

const EPSILON: f32 = 1.0e-6;

pub(super) const EXERCISE: Exercise = Exercise { name: "norm", clause: "N1", mistakes: MISTAKES, cases };

fn norm(x: &[f32], gain: &[f32], mistake: &str) -> Vec<f32> {
    let square = |x: f32, sum: f32| fma(x, x, sum);
    let count = x.len() as f32;
    let mean = match mistake {
        "one-sum" => x.iter().fold(0.0, |sum, x| square(*x, sum)) / count,
        _ => striped(x, 16, square) / count,
    };
    let root = (mean + EPSILON).sqrt();
    let factor = match mistake {
        "epsilon-last" => 1.0 / (mean.sqrt() + EPSILON),
        _ => 1.0 / root,
    };
    let wide = {
        let mean = x.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>() / x.len() as f64;
        1.0 / (mean + f64::from(EPSILON)).sqrt()
    };
    let one = |(x, gain): (&f32, &f32)| match mistake {
        "gain-first" => x * (factor * gain),
        "divided" => x / root * gain,
        "f64" => (f64::from(*x) * wide * f64::from(*gain)) as f32,
        _ => x * factor * gain,
    };
    x.iter().zip(gain).map(one).collect()
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(104, seed);
    let mut draw = |name, count, style| {
        let x = source.activations(count, style);
        (name, x, source.activations(count, Style::Usual))
    };
    let all = [
        draw("a short row", 16, Style::Usual),
        draw("an odd row", 67, Style::Usual),
        draw("a row", 300, Style::Usual),
        draw("subnormal", 40, Style::Tiny),
        draw("tiny and huge", 64, Style::Extreme),
    ];
    let to_case = |(name, x, gain): (&str, Vec<f32>, Vec<f32>)| {
        let input = [vec![whole(x.len() as i64)], numbers(&[EPSILON]), numbers(&x), numbers(&gain)].concat();
        let mut right = vec![0.0; x.len()];
        reference::rms_norm(&x, x.len(), Some(&gain), EPSILON, &mut right);
        case(name, input, numbers(&right), MISTAKES, |mistake| numbers(&norm(&x, &gain, mistake)))
    };
    all.into_iter().map(to_case).collect()
}
