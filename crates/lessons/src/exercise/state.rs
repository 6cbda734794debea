//! Clause D4: the gated delta rule, one head.

use super::case::{Case, Exercise, case, numbers, source, whole};
use super::exp::exp;
use hefu_numerics::conformance::Style;
use hefu_numerics::functions;
use hefu_numerics::program::{DeltaHeads, Sharing};
use hefu_numerics::reference::{self, Delta};

const MISTAKES: &[&str] = &["known-before-decay", "read-before-update", "no-correction", "separate"];

pub(super) const EXERCISE: Exercise = Exercise { name: "state", clause: "D4", mistakes: MISTAKES, cases };

const SCALE: f32 = 0.25;

struct Rows {
    name: &'static str,
    key_size: usize,
    value_size: usize,
    queries: Vec<f32>,
    keys: Vec<f32>,
    values: Vec<f32>,
    decays: Vec<f32>,
    betas: Vec<f32>,
}

fn moved(rows: &Rows, mistake: &str) -> Vec<f32> {
    let (keys, values) = (rows.key_size, rows.value_size);
    let fma = |a: f32, b: f32, c: f32| if mistake == "separate" { a * b + c } else { functions::fma(a, b, c) };
    let (mut state, mut out) = (vec![0.0; keys * values], Vec::new());
    for row in 0..rows.decays.len() {
        let (query, key) = (&rows.queries[row * keys..][..keys], &rows.keys[row * keys..][..keys]);
        let kept = exp(rows.decays[row], "");
        for v in 0..values {
            let known_of = |state: &[f32]| (0..keys).fold(0.0, |sum, k| fma(state[k * values + v], key[k], sum));
            let before = known_of(&state);
            (0..keys).for_each(|k| state[k * values + v] *= kept);
            let known = match mistake {
                "known-before-decay" => before,
                "no-correction" => 0.0,
                _ => known_of(&state),
            };
            let x = rows.values[row * values + v];
            let delta = (x - known) * rows.betas[row];
            let read = |state: &[f32]| (0..keys).fold(0.0, |sum, k| fma(state[k * values + v], query[k], sum));
            let early = read(&state);
            (0..keys).for_each(|k| state[k * values + v] = fma(key[k], delta, state[k * values + v]));
            out.push(SCALE * if mistake == "read-before-update" { early } else { read(&state) });
        }
    }
    out
}

fn right(rows: &Rows) -> Vec<f32> {
    let (key_size, value_size) = (rows.key_size, rows.value_size);
    let heads = DeltaHeads { keys: 1, values: 1, key_size, value_size, sharing: Sharing::Grouped };
    let delta = Delta {
        queries: &rows.queries,
        keys: &rows.keys,
        values: &rows.values,
        decay: &rows.decays,
        beta: Some(&rows.betas),
    };
    let (mut state, mut out) = (vec![0.0; key_size * value_size], vec![0.0; rows.values.len()]);
    reference::gated_delta(&delta, &heads, SCALE, &mut state, &mut out);
    out
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(114, seed);
    let mut draw = |name, rows: usize, key_size: usize, value_size: usize| Rows {
        name,
        key_size,
        value_size,
        queries: source.activations(rows * key_size, Style::Usual),
        keys: source.activations(rows * key_size, Style::Usual).iter().map(|x| x / 4.0).collect(),
        values: source.activations(rows * value_size, Style::Usual),
        decays: source.activations(rows, Style::Usual).iter().map(|x| -x.abs()).collect(),
        betas: source.activations(rows, Style::Usual).iter().map(|x| x.abs() / 3.0).collect(),
    };
    let all =
        [draw("one row", 1, 2, 2), draw("three rows", 3, 2, 2), draw("more rows", 9, 6, 5), draw("a head", 5, 16, 8)];
    let to_case = |rows: Rows| {
        let sizes = [rows.decays.len(), rows.key_size, rows.value_size].map(|size| whole(size as i64)).to_vec();
        let mut input = [sizes, numbers(&[SCALE])].concat();
        for row in 0..rows.decays.len() {
            let part = |of: &[f32], size: usize| numbers(&of[row * size..][..size]);
            input.extend(part(&rows.queries, rows.key_size));
            input.extend(part(&rows.keys, rows.key_size));
            input.extend(part(&rows.values, rows.value_size));
            input.extend(part(&rows.decays, 1));
            input.extend(part(&rows.betas, 1));
        }
        let mistaken = |mistake: &str| numbers(&moved(&rows, mistake));
        case(rows.name, input, numbers(&right(&rows)), MISTAKES, mistaken)
    };
    all.into_iter().map(to_case).collect()
}
