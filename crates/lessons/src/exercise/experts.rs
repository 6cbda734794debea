//! Clauses E1 and E2: which experts a token is given to, and with what weights.

use super::case::{Case, Exercise, Word, case, numbers, source, whole};
use super::exp::exp;
use super::stripes::striped;
use hefu_numerics::conformance::Style;
use hefu_numerics::program::{RouteRule, Scoring};
use hefu_numerics::reference;

const MISTAKES: &[&str] = &["by-score", "later-of-equals", "not-normalised", "chosen-alone"];

pub(super) const EXERCISE: Exercise = Exercise { name: "experts", clause: "E2", mistakes: MISTAKES, cases };

/// The least that a sum of weights counts as.
const LEAST: f32 = 1.0 / 16384.0;

fn chosen(scores: &[f32], used: usize, mistake: &str) -> Vec<(usize, f32)> {
    let mut left: Vec<usize> = (0..scores.len()).collect();
    let mut by_score = Vec::new();
    for _ in 0..used {
        let mut best = 0;
        for at in 1..left.len() {
            let (score, greatest) = (scores[left[at]], scores[left[best]]);
            if score > greatest || mistake == "later-of-equals" && score == greatest {
                best = at;
            }
        }
        by_score.push(left.remove(best));
    }
    let mut ascending = by_score.clone();
    ascending.sort_unstable();
    let largest = scores.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
    let p: Vec<f32> = scores.iter().map(|score| exp(score - largest, "")).collect();
    let of_all = 1.0 / striped(&p, 16, |p, sum| sum + p);
    let q = |expert: usize| if mistake == "chosen-alone" { p[expert] } else { p[expert] * of_all };
    let order = if mistake == "by-score" { &by_score } else { &ascending };
    let sum = order.iter().fold(0.0, |sum, expert| sum + q(*expert));
    let divisor = if mistake == "not-normalised" { 1.0 } else { sum.max(LEAST) };
    ascending.into_iter().map(|expert| (expert, q(expert) / divisor)).collect()
}

fn right(scores: &[f32], used: usize) -> Vec<(usize, f32)> {
    let rule = RouteRule {
        used,
        scoring: Scoring::Softmax,
        bias: None,
        groups: None,
        normalised: Some(LEAST),
        scale: 1.0,
        factors: None,
    };
    let mut out = vec![0.0; 2 * used];
    reference::route(scores, scores.len(), &rule, [None, None], &mut out);
    out.chunks(2).map(|pair| (pair[0] as usize, pair[1])).collect()
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(113, seed);
    let mut all =
        vec![("by hand", 2, vec![1.0, 3.0, 2.0, 0.0]), ("equal scores", 3, vec![0.5, 2.0, 0.5, 2.0, 0.5, 0.5])];
    for (name, experts, used) in
        [("eight of 32", 32, 8), ("six of 64", 64, 6), ("four of 20", 20, 4), ("ten of 40", 40, 10)]
    {
        all.push((name, used, source.activations(experts, Style::Usual)));
    }
    let to_words = |chosen: Vec<(usize, f32)>| -> Vec<Word> {
        chosen.into_iter().flat_map(|(expert, weight)| [whole(expert as i64), Word::Number(weight)]).collect()
    };
    let to_case = |(name, used, scores): (&str, usize, Vec<f32>)| {
        let input = [vec![whole(scores.len() as i64), whole(used as i64)], numbers(&scores)].concat();
        let mistaken = |mistake: &str| to_words(chosen(&scores, used, mistake));
        case(name, input, to_words(right(&scores, used)), MISTAKES, mistaken)
    };
    all.into_iter().map(to_case).collect()
}
