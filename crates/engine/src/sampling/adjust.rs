//! Changes of logits, before any token is removed: the mask, bias and penalties (clauses S7 to S10).

use super::dry;
use super::history::History;
use super::logit::change;
use super::mask::TokenMask;
use super::parameters::Parameters;

/// Memory that is used again from token to token.
#[derive(Clone, Debug, Default)]
pub(super) struct Buffers {
    adjusted: Vec<f32>,
    counts: Vec<(u32, u32)>,
    dry: dry::Buffers,
}

/// The logits after clauses S7 to S10; a token that may not be chosen has minus infinity, every other one is finite or
/// has what the model gave it. The model's own logits are handed back where nothing changes them.
pub(super) fn adjust<'a>(
    logits: &'a [f32],
    history: &History,
    parameters: &Parameters,
    allowed: Option<&TokenMask>,
    buffers: &'a mut Buffers,
) -> &'a [f32] {
    let penalised = has_penalties(parameters);
    let lists = [&parameters.banned, &parameters.ignore_eos];
    let listed = !parameters.logit_bias.is_empty() || lists.iter().any(|list| !list.is_empty());
    let dry = parameters.dry.multiplier > 0.0;
    if !(penalised || listed || dry || allowed.is_some()) {
        return logits;
    }

    let adjusted = &mut buffers.adjusted;
    adjusted.clear();
    adjusted.extend_from_slice(logits);
    if let Some(mask) = allowed {
        for (id, logit) in (0_u32..).zip(adjusted.iter_mut()) {
            if !mask.allows(id) {
                *logit = f32::NEG_INFINITY;
            }
        }
    }
    for &id in lists.into_iter().flatten() {
        if let Some(logit) = adjusted.get_mut(id as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
    for (&id, &bias) in &parameters.logit_bias {
        change(adjusted, id, |logit| logit + bias);
    }
    if penalised {
        history.count_window(parameters.repeat_last_n, &mut buffers.counts);
        for &(id, count) in &buffers.counts {
            penalise(adjusted, id, count, parameters);
        }
    }
    if dry {
        let window = history.last(parameters.dry.penalty_last_n);
        dry::penalise(adjusted, window, &parameters.dry, &mut buffers.dry);
    }
    adjusted
}

pub(super) fn has_penalties(parameters: &Parameters) -> bool {
    parameters.repetition_penalty != 1.0 || parameters.presence_penalty != 0.0 || parameters.frequency_penalty != 0.0
}

/// Clause S9, one token that occurs `count` times in the window.
fn penalise(adjusted: &mut [f32], id: u32, count: u32, parameters: &Parameters) {
    let repetition = parameters.repetition_penalty;
    change(adjusted, id, |logit| if logit > 0.0 { logit / repetition } else { logit * repetition });
    let taken = count as f32 * parameters.frequency_penalty + parameters.presence_penalty;
    change(adjusted, id, |logit| logit - taken);
}
