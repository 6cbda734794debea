//! Routers and experts.

use super::trial::{Pass, Trial};
use super::{Numbers, Style};
use crate::device::{Device, Error};
use crate::program::{Activation, Kind, Op, RouteRule, Scoring, Shape};
use crate::quant::Format;

/// What a router chooses by.
pub(super) const RULE: RouteRule = RouteRule {
    used: 3,
    scoring: Scoring::Softmax,
    bias: None,
    groups: None,
    normalised: Some(6.103_515_6e-5),
    scale: 1.0,
};

/// Choices among 24 experts, with scores of which some are equal; with a bias or without.
pub(super) fn choices(device: &dyn Device, rule: RouteRule, with_bias: bool, style: Style) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, experts, rows) = (Numbers::new(47), Trial::new(), 24, 64);
    // Numbers of few digits are often equal.
    let rounded = |x: f32| if style == Style::Usual { (x * 4.0).round_ties_even() / 4.0 } else { x };
    let input = numbers.activations(rows * experts, style).into_iter().map(rounded).collect();
    let bias = numbers.activations(experts, Style::Usual).into_iter().map(|x| rounded(x) / 16.0);
    let bias = with_bias.then(|| trial.vector(&bias.collect::<Vec<f32>>()));
    let scores = trial.inject(experts);
    let rule = RouteRule { bias, ..rule };
    let out = trial.step_kind(rule.used, Kind::Choices, |out| Op::Route { scores, rule, out });
    trial.run(device, &[out], Pass::of(rows, vec![input]))
}

/// A mixture of experts of one format, for so many tokens.
pub(super) fn mixture(device: &dyn Device, format: &'static Format, tokens: usize) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(53), Trial::new());
    let (items, width, inner) = (5, super::products::columns(format), 256);
    let mut stack = |rows: usize, columns: usize| {
        let bytes = numbers.weights(format, items * rows, columns, Style::Usual);
        trial.weight(format, Shape::Stack { items, rows, columns }, &bytes)
    };
    let (gate, up, down) = (stack(inner, width), stack(inner, width), stack(width, inner));
    let inputs = [tokens * width, tokens * items].map(|count| numbers.activations(count, Style::Usual));
    let (x, scores) = (trial.inject(width), trial.inject(items));
    let choices = trial.step_kind(RULE.used, Kind::Choices, |out| Op::Route { scores, rule: RULE, out });
    let activation = Activation::Silu;
    let out = trial.step(width, |out| Op::Experts { x, choices, gate, up, down, activation, out });
    trial.run(device, &[out], Pass::of(tokens, inputs.to_vec()))
}
