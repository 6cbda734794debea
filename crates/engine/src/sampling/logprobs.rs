//! Log-probabilities of the model's own distribution (clause S17).

use super::arithmetic::{WEIGHT_ONE, ln, weight};
use super::candidates::Candidates;

/// The chosen token's log-probability, and (token id, log-probability) of the `count` likeliest tokens, best first.
///
/// They are the model's: the logits before bias, penalties, temperature and every other sampler.
pub(super) fn logprobs(
    logits: &[f32],
    chosen: u32,
    count: u32,
    candidates: &mut Candidates,
) -> (Option<f32>, Vec<(u32, f32)>) {
    // One token at least, so that rank 0 is the best logit.
    candidates.fill_first(logits, (count as usize).max(1));
    let Some((best, _)) = candidates.get(0) else {
        return (None, Vec::new());
    };
    let total: u64 = logits.iter().map(|logit| weight(logit - best)).sum();
    let log_total = ln(total as f64 / WEIGHT_ONE as f64);
    let logprob = |logit: f32| ((f64::from(logit) - f64::from(best)) - log_total) as f32;

    let top = (0..candidates.len().min(count as usize))
        .filter_map(|rank| candidates.get(rank))
        .map(|(logit, id)| (id, logprob(logit)))
        .collect();
    (logits.get(chosen as usize).copied().map(logprob), top)
}
