//! Clause R2: a sum in sixteen stripes.

use super::case::{Case, Exercise, case, numbers, source, whole};
use hefu_numerics::conformance::Style;
use hefu_numerics::reference;

const MISTAKES: &[&str] = &["one-stripe", "eight", "runs", "neighbours", "f64"];

pub(super) const EXERCISE: Exercise = Exercise { name: "stripes", clause: "R2", mistakes: MISTAKES, cases };

/// A sum in `count` stripes.
pub(super) fn striped(x: &[f32], count: usize, step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut stripes = vec![0.0; count];
    for (i, &x) in x.iter().enumerate() {
        stripes[i % count] = step(x, stripes[i % count]);
    }
    in_halves(stripes)
}

fn in_halves(mut stripes: Vec<f32>) -> f32 {
    while stripes.len() > 1 {
        let upper = stripes.split_off(stripes.len() / 2);
        stripes.iter_mut().zip(upper).for_each(|(lower, upper)| *lower += upper);
    }
    stripes[0]
}

fn neighbours(mut stripes: Vec<f32>) -> f32 {
    while stripes.len() > 1 {
        stripes = stripes.chunks(2).map(|pair| pair[0] + pair[1]).collect();
    }
    stripes[0]
}

fn sum(x: &[f32], mistake: &str) -> f32 {
    let add = |x: f32, sum: f32| sum + x;
    match mistake {
        "one-stripe" => x.iter().fold(0.0, |sum, x| sum + x),
        "eight" => striped(x, 8, add),
        "runs" => {
            let run = x.len().div_ceil(16).max(1);
            let mut stripes: Vec<f32> = x.chunks(run).map(|run| run.iter().fold(0.0, |sum, x| sum + x)).collect();
            stripes.resize(16, 0.0);
            in_halves(stripes)
        }
        "neighbours" => {
            let stripe = |j: usize| x.iter().skip(j).step_by(16).fold(0.0, |sum, x| sum + x);
            neighbours((0..16).map(stripe).collect())
        }
        "f64" => x.iter().map(|x| f64::from(*x)).sum::<f64>() as f32,
        _ => striped(x, 16, add),
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(103, seed);
    let mut draw = |name, count, style| (name, source.activations(count, style));
    let all = [
        draw("fewer than sixteen", 5, Style::Usual),
        draw("a row", 64, Style::Usual),
        draw("an odd row", 300, Style::Usual),
        draw("a long row", 1003, Style::Usual),
        draw("tiny and huge", 100, Style::Extreme),
    ];
    let to_case = |(name, x): (&str, Vec<f32>)| {
        let input = [vec![whole(x.len() as i64)], numbers(&x)].concat();
        let right = numbers(&[reference::lane_sum16(&x, |x, sum| sum + x)]);
        case(name, input, right, MISTAKES, |mistake| numbers(&[sum(&x, mistake)]))
    };
    all.into_iter().map(to_case).collect()
}
