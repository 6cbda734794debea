//! Clause B1: a product and a sum with one rounding.

use super::case::{Case, Exercise, case, numbers, source};
use hefu_numerics::conformance::Style;
use hefu_numerics::functions;

const MISTAKES: &[&str] = &["separate", "double", "flushed"];

pub(super) const EXERCISE: Exercise = Exercise { name: "fma", clause: "B1", mistakes: MISTAKES, cases };

/// Triples whose exact result lies a hair below or above the middle between two numbers: so near that f64 rounds it to the
/// middle, from where f32 goes to the even neighbour.
fn beside_the_middle() -> Vec<[f32; 3]> {
    let mut all = Vec::new();
    for (i, scale) in [1.0_f32, 1024.0, 1.0e-10, 3.0e20].into_iter().enumerate() {
        let ulp = f32::EPSILON;
        for (a, b) in [(1.0 + ulp, 1.0 - ulp), (1.0 + 4.0 * ulp, 1.0 - 4.0 * ulp)] {
            // A little less than half a unit in the last place of `c`, whose last bit is set.
            let c = 1.0 + (2 * i + 1) as f32 * ulp;
            all.push([a * (ulp / 2.0), b * scale, c * scale]);
            all.push([-a * (ulp / 2.0), b * scale, -c * scale]);
        }
    }
    all
}

fn drawn(seed: u64) -> Vec<(&'static str, Vec<[f32; 3]>)> {
    let mut source = source(102, seed);
    let mut triples = |count: usize, style| -> Vec<[f32; 3]> {
        (0..count).map(|_| [(); 3].map(|()| source.activation(style))).collect()
    };
    vec![
        ("by hand", vec![[2.0, 3.0, 4.0], [0.1, 10.0, -1.0], [-0.0, 5.0, -0.0], [1.0, 1.0, -1.0]]),
        ("as in a model", triples(40, Style::Usual)),
        ("subnormal", triples(20, Style::Tiny)),
        ("beside the middle", beside_the_middle()),
        ("subnormal results", vec![[1.0e-20, 1.0e-20, 0.0], [1.5e-38, 0.25, 3.0e-41], [-3.0e-23, 1.0e-19, 1.0e-43]]),
        ("tiny and huge", triples(40, Style::Extreme)),
    ]
}

fn fma(&[a, b, c]: &[f32; 3], mistake: &str) -> f32 {
    match mistake {
        "separate" => a * b + c,
        "double" => (f64::from(a) * f64::from(b) + f64::from(c)) as f32,
        "flushed" => {
            let result = functions::fma(a, b, c);
            if result.is_subnormal() { 0.0 } else { result }
        }
        _ => functions::fma(a, b, c),
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let to_case = |(name, triples): (&str, Vec<[f32; 3]>)| {
        let all = |mistake: &str| numbers(&triples.iter().map(|triple| fma(triple, mistake)).collect::<Vec<_>>());
        case(name, numbers(triples.as_flattened()), all(""), MISTAKES, all)
    };
    drawn(seed).into_iter().map(to_case).collect()
}
