//! Choice of experts (clauses E1, E2, E4, E5 and E7).

use super::lane_sum16;
use crate::functions::{exp, sigmoid};
use crate::program::{Groups, RouteRule, Scoring};

/// Largest distance of scores from the one found, as a share of the greater of it and their magnitude: twice the noise of
/// the router when such models learn.
const SPARSE_MIXER_DISTANCE: f32 = 0.02;

/// Chooses `rule.used` of each row's experts. `scores`: `[rows][experts]`; `vectors`: the rule's bias and factors, `[experts]`
/// each, where it has them; `out`: `[rows][rule.used][2]`, for each chosen expert its index, in ascending order, and its weight.
pub fn route(scores: &[f32], experts: usize, rule: &RouteRule, vectors: [Option<&[f32]>; 2], out: &mut [f32]) {
    let [bias, factors] = vectors;
    for (scores, out) in scores.chunks_exact(experts).zip(out.chunks_exact_mut(2 * rule.used)) {
        let mut weights = match rule.scoring {
            Scoring::Softmax => softmax(scores),
            Scoring::Sigmoid => scores.iter().map(|x| sigmoid(*x)).collect(),
            Scoring::SoftmaxOfChosen | Scoring::SparseMixer => scores.to_vec(),
        };
        let mut candidates = if bias.is_none() && rule.groups.is_none() { scores.to_vec() } else { weights.clone() };
        for (candidate, bias) in candidates.iter_mut().zip(bias.unwrap_or(&[])) {
            *candidate += bias;
        }
        let mut chosen = greatest(&candidates, &allowed(&candidates, rule.groups), rule.used);
        if rule.scoring == Scoring::SparseMixer {
            sparse_mixer(&chosen, &mut weights);
        }
        chosen.sort_unstable();
        if rule.scoring == Scoring::SoftmaxOfChosen {
            softmax_of(&chosen, &mut weights);
        }
        let mut sum = 0.0;
        for &expert in &chosen {
            sum += weights[expert];
        }
        for (&expert, out) in chosen.iter().zip(out.chunks_exact_mut(2)) {
            let mut weight = weights[expert];
            if let Some(least) = rule.normalised {
                // A NaN passes on, so that it is seen in the logits.
                weight /= if sum < least { least } else { sum };
            }
            out[0] = expert as f32;
            out[1] = weight * rule.scale;
            if let Some(factors) = factors {
                out[1] *= factors[expert];
            }
        }
    }
}

/// `exp(l - m)` over the sum of all.
fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = maximum(scores.iter().copied());
    let p: Vec<f32> = scores.iter().map(|x| exp(x - largest)).collect();
    let factor = 1.0 / lane_sum16(&p, |p, sum| sum + p);
    p.iter().map(|p| p * factor).collect()
}

/// The same of the chosen alone, whose sum is taken in ascending order.
fn softmax_of(chosen: &[usize], scores: &mut [f32]) {
    let largest = maximum(chosen.iter().map(|expert| scores[*expert]));
    let mut sum = 0.0;
    for &expert in chosen {
        scores[expert] = exp(scores[expert] - largest);
        sum += scores[expert];
    }
    for &expert in chosen {
        scores[expert] /= sum;
    }
}

/// For each of the chosen, as they were found: 1 over the sum of `exp(l - m)` of the experts that were left then and whose
/// scores are near its own, in ascending order.
fn sparse_mixer(chosen: &[usize], scores: &mut [f32]) {
    let all = scores.to_vec();
    for (found, &expert) in chosen.iter().enumerate() {
        let own = all[expert];
        let mut sum = 0.0;
        for (other, &score) in all.iter().enumerate() {
            let unit = if own > score.abs() { own } else { score.abs() };
            // A NaN counts as near, so that it is seen in the logits.
            let is_far = (own - score) / unit > SPARSE_MIXER_DISTANCE;
            if !is_far && !chosen[..found].contains(&other) {
                sum += exp(score - own);
            }
        }
        scores[expert] = 1.0 / sum;
    }
}

/// Clause R3.
fn maximum(numbers: impl Iterator<Item = f32>) -> f32 {
    numbers.fold(f32::NEG_INFINITY, |largest, x| if x > largest { x } else { largest })
}

/// Experts that may be chosen: those of the groups with the greatest sums of their best candidates.
fn allowed(candidates: &[f32], groups: Option<Groups>) -> Vec<usize> {
    let Some(groups) = groups else { return (0..candidates.len()).collect() };
    let size = candidates.len() / groups.count;
    let all: Vec<usize> = (0..size).collect();
    let score = |group: &[f32]| greatest(group, &all, groups.best).iter().fold(0.0, |sum, best| sum + group[*best]);
    let scores: Vec<f32> = candidates.chunks_exact(size).map(score).collect();
    let mut used = greatest(&scores, &(0..groups.count).collect::<Vec<_>>(), groups.used);
    used.sort_unstable();
    used.iter().flat_map(|group| group * size..(group + 1) * size).collect()
}

/// The `count` greatest of some numbers, by their places, one after the other: of those that are left, in ascending order,
/// the first, unless a later one is greater.
fn greatest(numbers: &[f32], among: &[usize], count: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for _ in 0..count {
        let mut best: Option<usize> = None;
        for &i in among {
            if !chosen.contains(&i) && best.is_none_or(|best| numbers[i] > numbers[best]) {
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
        factors: None,
    };

    fn chosen_by(rule: RouteRule, scores: &[f32], bias: Option<&[f32]>) -> Vec<(usize, f32)> {
        let mut out = vec![f32::NAN; 2 * rule.used];
        route(scores, scores.len(), &rule, [bias, None], &mut out);
        out.chunks(2).map(|pair| (pair[0] as usize, pair[1])).collect()
    }

    fn chosen(scores: &[f32], used: usize) -> Vec<(usize, f32)> {
        chosen_by(RouteRule { used, ..RULE }, scores, None)
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

    #[test]
    fn a_bias_changes_the_choice_and_not_the_weights() {
        let rule = RouteRule { used: 1, scoring: Scoring::Sigmoid, normalised: None, scale: 2.0, ..RULE };
        assert_eq!(chosen_by(rule, &[0.0, -1.0], None), [(0, 1.0)]);
        let biased = chosen_by(rule, &[0.0, -1.0], Some(&[0.0, 0.5]));
        assert_eq!(biased, [(1, 2.0 * sigmoid(-1.0))]);
    }

    #[test]
    fn only_experts_of_the_best_groups_are_chosen() {
        // Sums of the best two of each group: 1.1, 1.2 and 0.9; the greatest single number is in the first.
        let bias = [0.5, -0.4, -0.5, 0.1, 0.1, -0.5, -0.05, -0.05, -0.5];
        let groups = Groups { count: 3, used: 1, best: 2 };
        let rule = RouteRule { scoring: Scoring::Sigmoid, groups: Some(groups), ..RULE };
        assert_eq!(chosen_by(rule, &[0.0; 9], Some(&bias)), [(3, 0.5), (4, 0.5)]);
        let both = RouteRule { used: 3, groups: Some(Groups { used: 2, ..groups }), ..rule };
        let experts: Vec<usize> = chosen_by(both, &[0.0; 9], Some(&bias)).iter().map(|choice| choice.0).collect();
        assert_eq!(experts, [0, 3, 4]);
    }

    #[test]
    fn sparse_mixer_weighs_each_of_the_chosen_among_those_near_it() {
        let rule = RouteRule { scoring: Scoring::SparseMixer, normalised: None, ..RULE };
        // The first is alone within 2 %; the second shares with one within 2 %, and the first is out of its sight.
        let weights = chosen_by(rule, &[1.0, 2.0, 0.5, 0.99], None);
        assert_eq!(weights, [(0, 1.0 / (1.0 + exp(0.99 - 1.0))), (1, 1.0)]);
        // The first shares with the second, not the other way.
        assert_eq!(chosen_by(rule, &[1.0, 1.01, -4.0, 0.0], None), [(0, 1.0), (1, 1.0 / (exp(1.0 - 1.01) + 1.0))]);
        // Below zero, distances are shares of the other's magnitude.
        let below = chosen_by(RouteRule { used: 1, ..rule }, &[-1.0, -1.02, -1.03], None);
        assert_eq!(below, [(0, 1.0 / (1.0 + exp(-1.02 + 1.0)))]);
        assert!(chosen_by(rule, &[1.0, f32::NAN, 2.0], None)[0].1.is_nan());
    }

    #[test]
    fn a_softmax_of_the_chosen_knows_no_other() {
        let rule = RouteRule { scoring: Scoring::SoftmaxOfChosen, normalised: None, ..RULE };
        let weights = chosen_by(rule, &[1.0, -5.0, 1.0, 0.9], None);
        assert_eq!(weights, [(0, 0.5), (2, 0.5)]);
        assert_eq!(chosen_by(rule, &[200.0, 100.0, 0.0], None), [(0, 1.0), (1, exp(-100.0))]);
    }
}
