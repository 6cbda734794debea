//! Choice of experts (clauses E1, E2 and E4).

use super::stripe16;
use crate::functions::exp;
use crate::program::{RouteRule, Scoring};

/// Chooses `rule.used` of each row's experts. `scores`: `[rows][experts]`; `out`: `[rows][rule.used][2]`, for each chosen
/// expert its index, in ascending order, and its weight.
pub fn route(scores: &[f32], experts: usize, rule: &RouteRule, out: &mut [f32]) {
    for (scores, out) in scores.chunks_exact(experts).zip(out.chunks_exact_mut(2 * rule.used)) {
        let weights = match rule.scoring {
            Scoring::Softmax => softmax(scores),
        };
        let mut chosen = greatest(scores, rule.used);
        chosen.sort_unstable();
        // A NaN passes on, so that it is seen in the logits.
        let mut sum = 0.0;
        for &expert in &chosen {
            sum += weights[expert];
        }
        for (&expert, out) in chosen.iter().zip(out.chunks_exact_mut(2)) {
            let mut weight = weights[expert];
            if let Some(least) = rule.normalised {
                weight /= if sum < least { least } else { sum };
            }
            out[0] = expert as f32;
            out[1] = weight * rule.scale;
        }
    }
}

/// `exp(l - m)` over the sum of all.
fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().fold(f32::NEG_INFINITY, |largest, &x| if x > largest { x } else { largest });
    let p: Vec<f32> = scores.iter().map(|x| exp(x - largest)).collect();
    let factor = 1.0 / stripe16(&p, |p, sum| sum + p);
    p.iter().map(|p| p * factor).collect()
}

/// The indices of the `count` greatest numbers; of equal ones, the lower index counts as greater.
fn greatest(numbers: &[f32], count: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..count {
        let mut best: Option<usize> = None;
        for (i, number) in numbers.iter().enumerate() {
            if !chosen.contains(&i) && best.is_none_or(|best| *number > numbers[best]) {
                best = Some(i);
            }
        }
        chosen.extend(best);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: RouteRule = RouteRule {
        used: 2,
        scoring: Scoring::Softmax,
        bias: None,
        groups: None,
        normalised: Some(6.103_515_6e-5),
        scale: 1.0,
    };

    fn chosen(scores: &[f32], used: usize) -> Vec<(usize, f32)> {
        let mut out = vec![f32::NAN; 2 * used];
        route(scores, scores.len(), &RouteRule { used, ..RULE }, &mut out);
        out.chunks(2).map(|pair| (pair[0] as usize, pair[1])).collect()
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
