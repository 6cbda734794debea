//! The samplers that remove tokens, then the choice, in their fixed order (clauses S11 to S16).

use super::arithmetic::{exceeds, exp, ln, reaches, weight};
use super::candidates::Candidates;
use super::parameters::{Parameters, Xtc};
use super::random::{self, Purpose};

/// The probabilities that samplers S12 to S15 look at are the model's: temperature comes after them.
const NEUTRAL: f32 = 1.0;

/// Chooses among the tokens whose logit is not minus infinity; `None` if there is none.
pub(super) fn choose(
    adjusted: &[f32],
    parameters: &Parameters,
    position: u64,
    candidates: &mut Candidates,
) -> Option<u32> {
    narrow(adjusted, parameters, position, candidates)?;
    draw(candidates, parameters.temperature, random_of_choice(parameters, position))
}

/// The random number of the choice (clause S5).
pub(super) fn random_of_choice(parameters: &Parameters, position: u64) -> u64 {
    random::bits(parameters.seed, position, Purpose::Choice)
}

/// The candidates that clauses S11 to S15 leave; `None` if there is none.
pub(super) fn narrow(
    adjusted: &[f32],
    parameters: &Parameters,
    position: u64,
    candidates: &mut Candidates,
) -> Option<()> {
    let min_keep = (parameters.min_keep as usize).max(1);
    match parameters.top_k as usize {
        0 => candidates.fill(adjusted),
        count => candidates.fill_first(adjusted, count.max(min_keep)),
    }
    if parameters.typical_p < 1.0 {
        typical(candidates, parameters.typical_p, min_keep)?;
    }
    if parameters.top_p < 1.0 {
        top_p(candidates, parameters.top_p, min_keep)?;
    }
    if parameters.min_p > 0.0 {
        min_p(candidates, parameters.min_p, min_keep)?;
    }
    if xtc_acts(parameters, position) {
        xtc(candidates, &parameters.xtc, min_keep)?;
    }
    Some(())
}

/// Clause S12: keeps the tokens whose surprise is closest to the expected one (Meister and others, "Locally typical
/// sampling", TACL 2023).
fn typical(candidates: &mut Candidates, typical_p: f32, min_keep: usize) -> Option<()> {
    let best = candidates.get(0)?.0;
    let weights: Vec<u64> =
        (0..candidates.len()).filter_map(|rank| candidates.get(rank)).map(|(logit, _)| weight(logit - best)).collect();
    let total: u64 = weights.iter().sum();

    let share = |weight: u64| weight as f64 / total as f64;
    let mut entropy = 0.0_f64;
    for &weight in weights.iter().filter(|weight| **weight > 0) {
        entropy += share(weight) * -ln(share(weight));
    }
    let distance = |weight: u64| match weight {
        0 => f64::INFINITY,
        _ => (-ln(share(weight)) - entropy).abs(),
    };
    let mut ranked: Vec<(f64, usize)> = weights.iter().map(|&weight| distance(weight)).zip(0..).collect();
    ranked.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));

    let mut sum = 0;
    let mut kept = Vec::new();
    for (_, rank) in ranked {
        sum += weights.get(rank)?;
        kept.push(rank);
        if kept.len() >= min_keep && exceeds(sum, typical_p, total) {
            break;
        }
    }
    kept.sort_unstable();
    candidates.keep(&kept);
    Some(())
}

/// Clause S13: keeps the shortest run of best tokens that reaches `top_p` (Holtzman and others, "The curious case of
/// neural text degeneration", ICLR 2020).
fn top_p(candidates: &mut Candidates, top_p: f32, min_keep: usize) -> Option<()> {
    let best = candidates.get(0)?.0;
    let total = candidates.total_weight(best, NEUTRAL);
    let mut sum = 0;
    for rank in 0..candidates.len() {
        sum += weight(candidates.get(rank)?.0 - best);
        if rank + 1 >= min_keep && reaches(sum, top_p, total) {
            candidates.truncate(rank + 1);
            break;
        }
    }
    Some(())
}

/// Clause S14: keeps the tokens at least `min_p` times as likely as the best one (Nguyen and others, "Turning up the
/// heat: min-p sampling", 2024).
fn min_p(candidates: &mut Candidates, min_p: f32, min_keep: usize) -> Option<()> {
    let best = candidates.get(0)?.0;
    for rank in min_keep..candidates.len() {
        if exp(candidates.get(rank)?.0 - best) < min_p {
            candidates.truncate(rank);
            break;
        }
    }
    Some(())
}

/// True if XTC acts at this position.
fn xtc_acts(parameters: &Parameters, position: u64) -> bool {
    let probability = parameters.xtc.probability;
    let off = probability <= 0.0 || parameters.xtc.threshold > 0.5;
    let draw = || random::uniform(parameters.seed, position, Purpose::Xtc);
    !off && draw() < f64::from(probability)
}

/// Clause S15: of the tokens that reach the threshold, removes all but the least likely (p-e-w, "Exclude Top Choices",
/// text-generation-webui pull request 6335).
fn xtc(candidates: &mut Candidates, xtc: &Xtc, min_keep: usize) -> Option<()> {
    let best = candidates.get(0)?.0;
    let total = candidates.total_weight(best, NEUTRAL);
    let mut likely = 0;
    for rank in 0..candidates.len() {
        if !reaches(weight(candidates.get(rank)?.0 - best), xtc.threshold, total) {
            break;
        }
        likely = rank + 1;
    }
    let removed = likely.saturating_sub(1);
    if candidates.len() - removed >= min_keep {
        candidates.remove_first(removed);
    }
    Some(())
}

/// The random point on a line of this length (clause S16).
pub(super) fn point(random: u64, total: u64) -> u64 {
    ((u128::from(random) * u128::from(total)) >> 64) as u64
}

/// Clause S16: the token in whose stretch of the line of weights the random point falls.
fn draw(candidates: &mut Candidates, temperature: f32, random: u64) -> Option<u32> {
    let best = candidates.get(0)?.0;
    let total = candidates.total_weight(best, temperature);
    let point = point(random, total);
    let mut sum = 0;
    for rank in 0..candidates.len() {
        let (logit, id) = candidates.get(rank)?;
        sum += weight((logit - best) / temperature);
        if sum > point {
            return Some(id);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_point_on_a_border_belongs_to_the_later_token() {
        let check = |random, expected| {
            let mut candidates = Candidates::default();
            candidates.fill(&[1.0, 2.0, 2.0]);
            candidates.truncate(2);
            assert_eq!(draw(&mut candidates, 0.5, random), Some(expected));
        };
        check(0, 1);
        check((1 << 63) - 1, 1);
        check(1 << 63, 2);
        check(u64::MAX, 2);
    }
}
