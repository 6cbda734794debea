//! Routers and experts.

use super::trial::{Pass, Trial};
use super::{Numbers, Style};
use crate::device::{Device, Error};
use crate::program::{Activation, Kind as ValueKind, Op, RouteRule, Scoring, Shape};
use crate::quant::Format;

/// Inputs of a router.
pub(super) const RULE: RouteRule = RouteRule {
    used: 3,
    scoring: Scoring::Softmax,
    bias: None,
    groups: None,
    normalised: Some(6.103_515_6e-5),
    scale: 1.0,
    factors: None,
};

/// Choices among 24 experts, with scores of which some are equal; with a bias or without.
pub(super) fn choices(
    device: &dyn Device,
    rule: RouteRule,
    [with_bias, with_factors]: [bool; 2],
    style: Style,
) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial, experts, rows) = (Numbers::new(47), Trial::new(), 24, 64);
    // Numbers of few digits are often equal.
    let rounded = |x: f32| if style == Style::Usual { (x * 4.0).round_ties_even() / 4.0 } else { x };
    let input = numbers.activations(rows * experts, style).into_iter().map(rounded).collect();
    let bias = numbers.activations(experts, Style::Usual).into_iter().map(|x| rounded(x) / 16.0);
    let bias = with_bias.then(|| trial.vector(&bias.collect::<Vec<f32>>()));
    let scores = trial.inject(experts);
    let factors = with_factors.then(|| trial.vector(&numbers.activations(experts, Style::Usual)));
    let rule = RouteRule { bias, factors, ..rule };
    let out = trial.step_kind(rule.used, ValueKind::Choices, |out| Op::Route { scores, rule, out });
    trial.run(device, &[out], Pass::of(rows, vec![input]))
}

/// Experts of a case.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) activation: Activation,
    pub(super) is_gated: bool,
    pub(super) has_biases: bool,
}

/// A mixture of experts of one format, for so many tokens.
pub(super) fn mixture(
    device: &dyn Device,
    format: &'static Format,
    tokens: usize,
    kind: Kind,
) -> Result<Vec<f32>, Error> {
    let (mut numbers, mut trial) = (Numbers::new(53), Trial::new());
    let (items, width, inner) = (5, super::products::columns(format), 256);
    let mut stack = |rows: usize, columns: usize| {
        let bytes = numbers.weights(format, items * rows, columns, Style::Usual);
        trial.weight(format, Shape::Stack { items, rows, columns }, &bytes)
    };
    let (gate, up, down) = (stack(inner, width), stack(inner, width), stack(width, inner));
    let inputs = [tokens * width, tokens * items].map(|count| numbers.activations(count, Style::Usual));
    let (x, scores) = (trial.inject(width), trial.inject(items));
    let choices = trial.step_kind(RULE.used, ValueKind::Choices, |out| Op::Route { scores, rule: RULE, out });
    let gate = kind.is_gated.then_some(gate);
    let f32_format = crate::quant::FORMATS[0];
    let mut bias = |columns: usize| {
        let bytes = numbers.weights(f32_format, items, columns, Style::Usual);
        trial.weight(f32_format, Shape::Matrix { rows: items, columns }, &bytes)
    };
    let has = [kind.has_biases && kind.is_gated, kind.has_biases, kind.has_biases];
    let sizes = [inner, inner, width];
    let biases = [0, 1, 2].map(|part| has[part].then(|| bias(sizes[part])));
    let activation = kind.activation;
    let out = trial.step(width, |out| Op::Experts { x, choices, gate, up, down, biases, activation, out });
    trial.run(device, &[out], Pass::of(tokens, inputs.to_vec()))
}
