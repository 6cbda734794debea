//! Clause P2: the rotation of a head by its position.

use super::case::{Case, Exercise, case, numbers, source, whole};
use hefu_numerics::conformance::Style;
use hefu_numerics::functions::fma;
use hefu_numerics::program::RopeStyle;
use hefu_numerics::reference;

const MISTAKES: &[&str] = &["neighbours", "separate", "other-product", "backwards", "shifted"];

pub(super) const EXERCISE: Exercise = Exercise { name: "rotation", clause: "P2", mistakes: MISTAKES, cases };

fn rotate(x: &[f32], cosines: &[f32], sines: &[f32], mistake: &str) -> Vec<f32> {
    let (mut out, pairs) = (x.to_vec(), cosines.len());
    for i in 0..pairs {
        let (a, b) = match mistake {
            "neighbours" => (2 * i, 2 * i + 1),
            "shifted" => (i, pairs + (i + 1) % pairs),
            _ => (i, i + pairs),
        };
        let (x, y, cosine) = (x[a], x[b], cosines[i]);
        let sine = if mistake == "backwards" { -sines[i] } else { sines[i] };
        (out[a], out[b]) = match mistake {
            "separate" => (x * cosine - y * sine, x * sine + y * cosine),
            "other-product" => (fma(y, -sine, x * cosine), fma(y, cosine, x * sine)),
            _ => (fma(x, cosine, -(y * sine)), fma(x, sine, y * cosine)),
        };
    }
    out
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(106, seed);
    let mut all = vec![("a quarter turn", vec![1.0, 2.0], vec![0.0], vec![1.0])];
    for (name, pairs, style) in
        [("four numbers", 2, Style::Usual), ("a head", 32, Style::Usual), ("tiny and huge", 20, Style::Extreme)]
    {
        let x = source.activations(2 * pairs, style);
        let angles: Vec<f32> = source.activations(pairs, Style::Usual);
        let of = |f: fn(f64) -> f64| angles.iter().map(|angle| f(f64::from(*angle)) as f32).collect();
        all.push((name, x, of(libm::cos), of(libm::sin)));
    }
    let to_case = |(name, x, cosines, sines): (&str, Vec<f32>, Vec<f32>, Vec<f32>)| {
        let pairs = cosines.len();
        let input = [vec![whole(pairs as i64)], numbers(&x), numbers(&cosines), numbers(&sines)].concat();
        let mut right = vec![0.0; x.len()];
        let angles = [&cosines[..], &sines].concat();
        reference::rotate(&x, x.len(), 0, RopeStyle::NeoX, &angles, pairs, &mut right);
        let mistaken = |mistake: &str| numbers(&rotate(&x, &cosines, &sines, mistake));
        case(name, input, numbers(&right), MISTAKES, mistaken)
    };
    all.into_iter().map(to_case).collect()
}
