//! Changes of single logits.

/// Applies one operation to a token's logit and keeps the result finite. A token that may not be chosen stays so, and
/// a token that the vocabulary lacks, such as a prompt's padding, is passed over.
pub(super) fn change(adjusted: &mut [f32], id: u32, operation: impl FnOnce(f32) -> f32) {
    if let Some(logit) = adjusted.get_mut(id as usize).filter(|logit| logit.is_finite()) {
        *logit = operation(*logit).clamp(f32::MIN, f32::MAX);
    }
}
