//! Norms, rotations, gates, sums and what moves elements.

use super::trial::{Pass, Trial};
use super::{Numbers, Style};
use crate::device::{Device, Error};
use crate::program::{Activation, Factor, Kind, Op, Rope, RopeStyle, Value};
use crate::rope::Frequencies;

const EPSILON: f32 = 1.0e-6;

/// Numbers of all magnitudes: the upper half of every number's bits, and a fixed lower half.
fn every_magnitude() -> Vec<f32> {
    (0..1 << 16).map(|upper: u32| f32::from_bits(upper << 16 | 0x5a5a)).collect()
}

/// Rows that these are cut into.
const MAGNITUDE_ROWS: usize = 64;

/// Root-mean-square norms of rows so wide, with a gain or without.
pub(super) fn norm(device: &dyn Device, width: usize, style: Style, with_gain: bool) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(7), Trial::new());
    let (input, gain) = (numbers.activations(5 * width, style), numbers.activations(width, Style::Usual));
    let gain = with_gain.then(|| trial.vector(&gain));
    let x = trial.inject(width);
    let out = trial.step(width, |out| Op::RmsNorm { x, size: width, gain, epsilon: EPSILON, out });
    trial.run(device, &[out], Pass::of(5, vec![input]))
}

/// Norms about the mean, of two parts of every row, with a gain and a bias or without.
pub(super) fn layer_norm(device: &dyn Device, size: usize, style: Style, is_plain: bool) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(7), Trial::new());
    let input = numbers.activations(5 * 2 * size, style);
    let [gain, bias] = [(); 2].map(|()| numbers.activations(size, Style::Usual));
    let [gain, bias] = [gain, bias].map(|vector| (!is_plain).then(|| trial.vector(&vector)));
    let x = trial.inject(2 * size);
    let out = trial.step(2 * size, |out| Op::LayerNorm { x, size, gain, bias, epsilon: EPSILON, out });
    trial.run(device, &[out], Pass::of(5, vec![input]))
}

/// Temperatures of positions from `first` on.
pub(super) fn temperature(device: &dyn Device, first: usize) -> Result<Vec<f32>, Error> {
    let mut trial = Trial::new();
    let out = trial.step(1, |out| Op::Temperature { length: 16, factor: 0.1, out });
    let mut pass = Pass::of(40, Vec::new());
    pass.spans[0].position = first;
    trial.run(device, &[out], pass)
}

/// Lengths of 1, of two parts of every row.
pub(super) fn l2_norm(device: &dyn Device, size: usize, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(7), Trial::new());
    let input = numbers.activations(5 * 2 * size, style);
    let x = trial.inject(2 * size);
    let out = trial.step(2 * size, |out| Op::L2Norm { x, size, epsilon: EPSILON, out });
    trial.run(device, &[out], Pass::of(5, vec![input]))
}

/// Rows made as large as others, of which some have nothing but zeros.
pub(super) fn match_magnitude(device: &dyn Device, width: usize, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(7), Trial::new());
    let [mut rows, mut like] = [(); 2].map(|()| numbers.activations(5 * width, style));
    rows[width..2 * width].fill(0.0);
    like[3 * width..4 * width].fill(0.0);
    let [x, like_value] = [(); 2].map(|()| trial.inject(width));
    let out = trial.step(width, |out| Op::MatchMagnitude { x, like: like_value, floor: 1.0e-5, out });
    trial.run(device, &[out], Pass::of(5, vec![rows, like]))
}

/// Gaussian top-k of rows, one of which is constant.
pub(super) fn gaussian_top_k(device: &dyn Device, width: usize, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(7), Trial::new());
    let mut rows = numbers.activations(5 * width, style);
    rows[2 * width..3 * width].fill(0.75);
    let x = trial.inject(width);
    let out = trial.step(width, |out| Op::GaussianTopK { x, deviations: 0.25, out });
    trial.run(device, &[out], Pass::of(5, vec![rows]))
}

/// Rotations of heads from an element on, after a norm or without.
pub(super) fn rotated(device: &dyn Device, style: RopeStyle, with_norm: bool, first: usize) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(11), Trial::new());
    let (tokens, heads, half, rest) = (7, 3, 20, 5);
    let head = 2 * half + rest;
    let rows = numbers.activations(tokens * heads * head, Style::Usual);
    let [cosines, sines] = [(); 2].map(|()| numbers.activations(tokens * half, Style::Usual));
    let gain = trial.vector(&numbers.activations(head, Style::Usual));
    let table = cosines.chunks(half).zip(sines.chunks(half)).flat_map(|(cosines, sines)| [cosines, sines].concat());
    let (mut x, angles) = (trial.inject(heads * head), trial.inject_kind(2 * half, Kind::Angles));
    if with_norm {
        x = trial.step(heads * head, |out| Op::RmsNorm { x, size: head, gain: Some(gain), epsilon: EPSILON, out });
    }
    let out = trial.step(heads * head, |out| Op::Rotate { x, head, first, style, angles, out });
    trial.run(device, &[out], Pass::of(tokens, vec![rows, table.collect()]))
}

/// Cosines and sines of positions from `first` on.
pub(super) fn angles(device: &dyn Device, first: usize) -> Result<Vec<f32>, Error> {
    let mut trial = Trial::new();
    let rope = Frequencies { magnitude: 1.25, ..Frequencies::plain(10_000.0, 24) };
    let width = 2 * rope.per_pair.len();
    trial.program().ropes.push(rope);
    let out = trial.step_kind(width, Kind::Angles, |out| Op::Angles { rope: Rope(0), out });
    let mut pass = Pass::of(40, Vec::new());
    pass.spans[0].position = first;
    trial.run(device, &[out], pass)
}

/// A gate at numbers of all magnitudes.
pub(super) fn gate(device: &dyn Device, activation: Activation) -> Result<Vec<f32>, Error> {
    let (mut numbers, gates) = (Numbers::new(7), every_magnitude());
    let ups = numbers.activations(gates.len(), Style::Usual);
    let (mut trial, width) = (Trial::new(), gates.len() / MAGNITUDE_ROWS);
    let (gate, up) = (trial.inject(width), trial.inject(width));
    let out = trial.step(width, |out| Op::Gate { gate, up, activation, out });
    trial.run(device, &[out], Pass::of(MAGNITUDE_ROWS, vec![gates, ups]))
}

/// A function of one number at numbers of all magnitudes.
pub(super) fn function(device: &dyn Device, op: impl FnOnce(Value, Value) -> Op) -> Result<Vec<f32>, Error> {
    let (mut trial, input) = (Trial::new(), every_magnitude());
    let width = input.len() / MAGNITUDE_ROWS;
    let x = trial.inject(width);
    let out = trial.step(width, |out| op(x, out));
    trial.run(device, &[out], Pass::of(MAGNITUDE_ROWS, vec![input]))
}

/// Sums.
pub(super) fn sum(device: &dyn Device, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(7), Trial::new());
    let inputs = [(); 2].map(|()| numbers.activations(1003, style));
    let (a, b) = (trial.inject(1003), trial.inject(1003));
    let out = trial.step(1003, |out| Op::Add { a, b, out });
    trial.run(device, &[out], Pass::of(1, inputs.to_vec()))
}

/// The sum and its norm, of rows with a norm of the addend, without one, and with no norm after them.
pub(super) fn sum_and_norms(device: &dyn Device, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, width) = (Numbers::new(17), Trial::new(), 300);
    let gains = [(); 2].map(|()| numbers.activations(width, Style::Usual));
    let [before, after] = gains.map(|gain| trial.vector(&gain));
    let (mut inputs, mut read) = (Vec::new(), Vec::new());
    for (gain_before, is_normed) in [(Some(before), true), (None, true), (Some(before), false)] {
        inputs.extend([(); 2].map(|()| numbers.activations(5 * width, style)));
        let (a, mut b) = (trial.inject(width), trial.inject(width));
        let mut norm =
            |x, gain| trial.step(width, |out| Op::RmsNorm { x, size: width, gain: Some(gain), epsilon: EPSILON, out });
        if let Some(gain) = gain_before {
            b = norm(b, gain);
        }
        let sum = trial.step(width, |out| Op::Add { a, b, out });
        read.push(sum);
        if is_normed {
            let gain = Some(after);
            read.push(trial.step(width, |out| Op::RmsNorm { x: sum, size: width, gain, epsilon: EPSILON, out }));
        }
    }
    let mut results = trial.run(device, &read, Pass::of(5, inputs))?;
    // The digests were made with room for a norm after the last sum too, which is not there.
    results.resize(results.len() + 5 * width, f32::NAN);
    Ok(results)
}

/// Elements times one factor, a factor for each head, for each element, and for each row and head.
pub(super) fn scale(device: &dyn Device) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(29), Trial::new());
    let (rows, heads, size) = (5, 3, 19);
    let width = heads * size;
    let inputs = [rows * width, rows, rows * heads].map(|count| numbers.activations(count, Style::Usual));
    let [x, of_rows, of_heads] = [width, 1, heads].map(|width| trial.inject(width));
    let weights = [1, heads, width].map(|count| trial.vector(&numbers.activations(count, Style::Usual)));
    let factors = weights.map(Factor::Weight).into_iter();
    let factors = factors.chain([Factor::Constant(0.3), Factor::Value(of_rows), Factor::Value(of_heads)]);
    let read: Vec<Value> = factors.map(|by| trial.step(width, |out| Op::Scale { x, by, out })).collect();
    trial.run(device, &read, Pass::of(rows, inputs.to_vec()))
}

/// Parts of heads, and heads put together from them.
pub(super) fn slices(device: &dyn Device) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(31), Trial::new());
    let (rows, heads, head) = (5, 3, 40);
    let width = heads * head;
    let input = numbers.activations(rows * width, Style::Wild);
    let x = trial.inject(width);
    let mut slice = |first: usize, size: usize| trial.step(heads * size, |out| Op::Slice { x, head, first, size, out });
    let (begin, middle, end) = (slice(0, 1), slice(1, 32), slice(33, 7));
    let parts = vec![end, begin, middle];
    let joined = trial.step(width, |out| Op::Join { parts, heads, out });
    trial.run(device, &[begin, middle, end, joined], Pass::of(rows, vec![input]))
}

/// Rates of fading, of heads and of elements.
pub(super) fn decay(device: &dyn Device, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(37), Trial::new());
    let (rows, heads, width) = (5, 4, 60);
    let input = numbers.activations(rows * width, style);
    let bias = trial.vector(&numbers.activations(width, Style::Usual));
    let rates = [heads, width].map(|count| trial.vector(&numbers.activations(count, Style::Usual)));
    let x = trial.inject(width);
    let read = rates.map(|rate| trial.step(width, |out| Op::Decay { x, rate, bias, out }));
    trial.run(device, &read, Pass::of(rows, vec![input]))
}
