//! Clauses S3 and S4: from logits and a temperature to whole-number weights.

use super::case::{Case, Exercise, Word, case, numbers, source, whole};
use hefu_numerics::conformance::Style;

const MISTAKES: &[&str] = &["unrounded", "divided-first", "no-best", "rounded-up"];

pub(super) const EXERCISE: Exercise = Exercise { name: "weights", clause: "S4", mistakes: MISTAKES, cases };

/// 2^40: what the weight of the best candidate is.
const ONE: f64 = 1_099_511_627_776.0;

/// Wider than a weight needs, for those of mistakes are larger.
pub(super) fn weight(logit: f32, best: f32, temperature: f32, mistake: &str) -> i128 {
    let x = match mistake {
        "divided-first" => logit / temperature - best / temperature,
        "no-best" => logit / temperature,
        _ => (logit - best) / temperature,
    };
    let power = libm::exp(f64::from(x));
    let power = if mistake == "unrounded" { power } else { f64::from(power as f32) };
    if mistake == "rounded-up" { (power * ONE).ceil() as i128 } else { (power * ONE).floor() as i128 }
}

/// The greatest of some logits.
pub(super) fn best(logits: &[f32]) -> f32 {
    logits.iter().fold(f32::NEG_INFINITY, |best, logit| best.max(*logit))
}

fn weights(logits: &[f32], temperature: f32, mistake: &str) -> Vec<Word> {
    let best = best(logits);
    let weights: Vec<i128> = logits.iter().map(|logit| weight(*logit, best, temperature, mistake)).collect();
    let total: i128 = weights.iter().sum();
    weights.into_iter().map(whole).chain([Word::Whole(total)]).collect()
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(115, seed);
    let mut draw = |name, temperature: f32, count, factor: f32| {
        let logits = source.activations(count, Style::Usual).iter().map(|x| x * factor).collect();
        (name, temperature, logits)
    };
    let all = [
        ("by hand", 1.0, vec![2.0, 1.0, 0.0]),
        draw("at temperature 1", 1.0, 30, 3.0),
        draw("cold", 0.3, 30, 3.0),
        draw("hot", 1.7, 30, 3.0),
        draw("hardly likely", 0.8, 30, 10.0),
        ("ruled out", 0.7, vec![1.5, f32::NEG_INFINITY, -0.25, 1.5]),
    ];
    let to_case = |(name, temperature, logits): (&str, f32, Vec<f32>)| {
        let input = [numbers(&[temperature]), vec![whole(logits.len() as i64)], numbers(&logits)].concat();
        let of = |mistake: &str| weights(&logits, temperature, mistake);
        case(name, input, of(""), MISTAKES, of)
    };
    all.into_iter().map(to_case).collect()
}
