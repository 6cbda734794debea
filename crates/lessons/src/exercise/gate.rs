//! Clauses F3 and F6: SiLU as a gate.

use super::case::{Case, Exercise, case, numbers, source, whole};
use super::exp::exp;
use hefu_numerics::conformance::Style;
use hefu_numerics::functions;
use hefu_numerics::program::Activation;

const MISTAKES: &[&str] = &["sigmoid", "swapped", "library", "product-first"];

pub(super) const EXERCISE: Exercise = Exercise { name: "gate", clause: "F6", mistakes: MISTAKES, cases };

fn gate(gate: f32, up: f32, mistake: &str) -> f32 {
    let power = if mistake == "library" { exp(-gate, "library") } else { exp(-gate, "") };
    match mistake {
        "sigmoid" => gate * (1.0 / (1.0 + power)) * up,
        "swapped" => up / (1.0 + exp(-up, "")) * gate,
        "product-first" => gate * up / (1.0 + power),
        _ => gate / (1.0 + power) * up,
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(107, seed);
    let mut pair = |name, count, style| (name, [(); 2].map(|()| source.activations(count, style)));
    let all = [
        ("by hand", [vec![0.0, 1.0, -1.0, 10.0], vec![1.0, 1.0, 2.0, 0.5]]),
        pair("as in a model", 64, Style::Usual),
        pair("tiny and huge", 64, Style::Extreme),
    ];
    let to_case = |(name, [gates, ups]): (&str, [Vec<f32>; 2])| {
        let input = [vec![whole(gates.len() as i64)], numbers(&gates), numbers(&ups)].concat();
        let of = |f: &dyn Fn(f32, f32) -> f32| {
            numbers(&gates.iter().zip(&ups).map(|(gate, up)| f(*gate, *up)).collect::<Vec<_>>())
        };
        let right = of(&|gate, up| functions::gate(Activation::Silu, gate, up));
        case(name, input, right, MISTAKES, |mistake| of(&|open, up| gate(open, up, mistake)))
    };
    all.into_iter().map(to_case).collect()
}
