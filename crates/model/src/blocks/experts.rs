//! A mixture of experts: each token goes through the few experts that a router chooses.
//!
//! For one token with router logits `l` (all f32, in this order):
//!
//! ```text
//! m = max(l)      p_e = exp(l_e - m)      q_e = p_e * (1 / stripe16(p))
//! chosen = the `used` largest l, ties to the lower expert
//! s = the sum of q_e over the chosen, ascending e, from +0       w_e = q_e / max(s, 2^-14)
//! output = +0, then for each chosen e ascending: fma(w_e, expert_e(x), output)
//! ```
//!
//! Experts are visited in ascending order with all their tokens at once, so that each expert's weights are read once
//! per batch; a token's sum does not depend on who shares the batch.

use hefu_numerics::buffer::Buffer;
use hefu_numerics::functions::exp;
use hefu_numerics::ops::Projection;
use hefu_numerics::prepared::Input;
use hefu_numerics::reference::stripe16;

use super::Context;
use super::feed_forward::gated;
use crate::state::State;
use crate::weights::Experts;

/// The sum of the chosen probabilities counts as at least this: the smallest normal binary16.
const LEAST_SUM: f32 = 6.103_515_6e-5;

/// Buffers of the choice.
#[derive(Default)]
pub(crate) struct Routing {
    /// `[rows][experts]`.
    logits: Buffer,
    choices: Vec<Choice>,
    /// Rows of one expert, gathered: `[rows][width]`.
    input: Buffer,
    /// What the expert made of them: `[rows][width]`.
    output: Buffer,
}

impl Routing {
    /// Bytes of the buffers.
    pub(crate) fn bytes(&self) -> usize {
        let buffers = [&self.logits, &self.input, &self.output];
        buffers.map(Buffer::bytes).iter().sum::<usize>() + self.choices.capacity() * size_of::<Choice>()
    }
}

/// One expert chosen for one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Choice {
    expert: usize,
    row: usize,
    weight: f32,
}

/// `state.normed` to `state.mixed`.
pub(crate) fn mixture(context: &Context<'_>, weights: &Experts, rows: usize, state: &mut State) {
    let width = context.config.width;
    let State { scratch, normed, mixed, opened, routing, .. } = state;
    let normed = normed.rows().expect("a router and its experts read rows as they are");
    let logits = routing.logits.sized(rows * weights.experts.len());
    let mut projections = [Projection { matrix: &weights.router, output: &mut *logits, not_finite: None }];
    (context.ops.linear)(context.team, scratch, Input::Rows(normed), rows, &mut projections);
    routing.choices.clear();
    routing.choices.reserve_exact(rows * weights.used);
    for (row, logits) in logits.chunks_exact_mut(weights.experts.len()).enumerate() {
        choose(logits, weights.used, row, &mut routing.choices);
    }
    routing.choices.sort_unstable_by_key(|choice| (choice.expert, choice.row));
    let mixed = mixed.sized(rows * width);
    mixed.fill(0.0);
    for choices in routing.choices.chunk_by(|a, b| a.expert == b.expert) {
        let input = routing.input.sized(choices.len() * width);
        for (choice, input) in choices.iter().zip(input.chunks_exact_mut(width)) {
            input.copy_from_slice(&normed[choice.row * width..][..width]);
        }
        let output = routing.output.sized(choices.len() * width);
        let expert = &weights.experts[choices[0].expert];
        gated(context, expert, &[], scratch, Input::Rows(input), choices.len(), opened, output);
        for (choice, output) in choices.iter().zip(output.chunks_exact(width)) {
            let mixed = &mut mixed[choice.row * width..][..width];
            mixed.iter_mut().zip(output).for_each(|(sum, &y)| *sum = choice.weight.mul_add(y, *sum));
        }
    }
}

/// Appends the `used` experts of one row, ascending; `logits` become probabilities.
fn choose(logits: &mut [f32], used: usize, row: usize, choices: &mut Vec<Choice>) {
    let first = choices.len();
    for _ in 0..used {
        let mut best: Option<(usize, f32)> = None;
        for (expert, &logit) in logits.iter().enumerate() {
            let is_free = choices[first..].iter().all(|choice| choice.expert != expert);
            if is_free && best.is_none_or(|(_, largest)| logit > largest) {
                best = Some((expert, logit));
            }
        }
        choices.extend(best.map(|(expert, _)| Choice { expert, row, weight: 0.0 }));
    }
    choices[first..].sort_unstable_by_key(|choice| choice.expert);
    let largest = logits.iter().fold(f32::NEG_INFINITY, |largest, &x| if x > largest { x } else { largest });
    logits.iter_mut().for_each(|x| *x = exp(*x - largest));
    let factor = 1.0 / stripe16(logits, |p, sum| sum + p);
    let mut sum = 0.0;
    for choice in &mut choices[first..] {
        choice.weight = logits[choice.expert] * factor;
        sum += choice.weight;
    }
    // A NaN passes on, so that it is seen in the logits.
    let sum = if sum < LEAST_SUM { LEAST_SUM } else { sum };
    choices[first..].iter_mut().for_each(|choice| choice.weight /= sum);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(logits: &[f32], used: usize) -> Vec<(usize, f32)> {
        let mut choices = vec![];
        choose(&mut logits.to_vec(), used, 0, &mut choices);
        choices.iter().map(|choice| (choice.expert, choice.weight)).collect()
    }

    #[test]
    fn ties_go_to_the_lower_expert_and_weights_add_up_to_one() {
        assert_eq!(chosen(&[1.0, 3.0, 3.0, 3.0, 2.0], 2), [(1, 0.5), (2, 0.5)]);
        let choices = chosen(&[0.0, 1.0, 0.5, -1.0], 3);
        assert_eq!(choices.iter().map(|choice| choice.0).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((choices.iter().map(|choice| choice.1).sum::<f32>() - 1.0).abs() < 1e-6);
        let ratio = choices[1].1 / choices[0].1;
        assert!((ratio - std::f32::consts::E).abs() < 1e-5, "weights are a softmax of the chosen: {ratio}");
    }

    #[test]
    fn a_nan_is_not_hidden() {
        assert!(chosen(&[1.0, f32::NAN, 2.0], 1)[0].1.is_nan());
        assert!(chosen(&[f32::NAN, f32::NAN], 2)[1].1.is_nan());
    }
}
