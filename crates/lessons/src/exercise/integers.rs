//! Clause Q1: 32 activations become 32 small integers and a scale.

use super::case::{Case, Exercise, Word, case, numbers, source, whole};
use hefu_numerics::conformance::{Numbers, Style};
use hefu_numerics::reference::{self, TINY};

const MISTAKES: &[&str] = &["truncated", "away", "divided", "no-bound", "asymmetric"];

pub(super) const EXERCISE: Exercise = Exercise { name: "integers", clause: "Q1", mistakes: MISTAKES, cases };

fn quantised(x: &[f32], mistake: &str) -> (f32, Vec<i32>) {
    let nothing = vec![0; x.len()];
    if x.iter().any(|x| !x.is_finite()) {
        return (f32::NAN, nothing);
    }
    let largest = x.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let bound = if mistake == "no-bound" { f32::MIN_POSITIVE } else { TINY };
    if largest < bound {
        return (0.0, nothing);
    }
    let top = if mistake == "asymmetric" { 128.0 } else { 127.0 };
    let (d, inverse) = (largest / top, top / largest);
    let one = |x: &f32| match mistake {
        "truncated" => (x * inverse) as i32,
        "away" => (x * inverse).round() as i32,
        "divided" => (x / d).round_ties_even() as i32,
        _ => (x * inverse).round_ties_even() as i32,
    };
    (d, x.iter().map(one).collect())
}

/// Numbers of which many lie in the middle between two integers.
fn ties() -> Vec<f32> {
    (0..32).map(|i| if i == 0 { 127.0 } else { i as f32 - 16.5 }).collect()
}

/// A block whose quotients by the scale round otherwise than its products with the inverse.
fn told_apart(source: &mut Numbers) -> Vec<f32> {
    let drawn =
        (0..1000).map(|_| source.activations(32, Style::Usual)).find(|x| quantised(x, "") != quantised(x, "divided"));
    drawn.unwrap_or_else(|| {
        // Multiples of an odd number: the middle is met exactly by one way alone.
        (0..32).map(|i| if i == 0 { 3.3 } else { 3.3 / 254.0 * (2 * i + 1) as f32 }).collect()
    })
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(110, seed);
    let mut wild = source.activations(32, Style::Usual);
    wild[7] = f32::INFINITY;
    let all = [
        ("in the middle", ties()),
        ("as in a model", source.activations(32, Style::Usual)),
        ("quotients and products", told_apart(&mut source)),
        ("odd multiples", (0..32).map(|i| if i == 0 { 3.3 } else { 3.3 / 254.0 * (2 * i + 1) as f32 }).collect()),
        ("tiny and huge", source.activations(32, Style::Extreme)),
        ("near nothing", source.activations(32, Style::Usual).iter().map(|x| x * 1.0e-33).collect()),
        ("nothing", vec![0.0; 32]),
        ("an infinity", wild),
    ];
    let to_words = |(d, q): (f32, Vec<i32>)| [numbers(&[d]), q.into_iter().map(whole).collect::<Vec<Word>>()].concat();
    let to_case = |(name, x): (&str, Vec<f32>)| {
        let block = reference::quantize_block(&x);
        let right = to_words((block.scale, block.q.iter().map(|q| i32::from(*q)).collect()));
        case(name, numbers(&x), right, MISTAKES, |mistake| to_words(quantised(&x, mistake)))
    };
    all.into_iter().map(to_case).collect()
}
