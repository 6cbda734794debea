//! Memory that a model needs besides its weights, stated before it is taken.

use hefu_numerics::kv::PAGE;

use super::Config;
use crate::arch::Presence;
use crate::blocks::experts::Choice;
use crate::blocks::feed_forward::rows_at_once;
use crate::kv::page_bytes;

impl Config {
    /// Bytes of the cache of `context` positions (whole pages of [`PAGE`]), `None` if that overflows.
    pub fn cache_bytes(&self, context: usize) -> Option<usize> {
        page_bytes(self.cache_shape()).checked_mul(self.layers.len())?.checked_mul(context.div_ceil(PAGE))
    }

    /// Bytes of the buffers that [`State`](crate::State) keeps for batches of up to `rows` rows that want the logits
    /// of `logits` rows at a time; the device's own scratch memory comes on top.
    pub fn state_bytes(&self, rows: usize, logits: usize) -> usize {
        let keys_and_values = self.key_value_heads * (self.key_size + self.value_size);
        let tables: usize = self.ropes.iter().map(|rope| rope.rotated).sum();
        let heads = self.heads * (self.key_size + self.value_size);
        let per_row = 3 * self.width + heads + keys_and_values + tables + self.expert_row();
        // Gate and up lie side by side where they may have biases.
        let sides = if self.arch.feed_forward.bias == Presence::Forbidden { 1 } else { 2 };
        let inner = rows.min(rows_at_once(self.feed_forward)).saturating_mul(sides * self.feed_forward);
        let floats =
            rows.saturating_mul(per_row).saturating_add(inner).saturating_add(logits.saturating_mul(self.vocabulary));
        floats.saturating_mul(size_of::<f32>())
    }

    fn expert_row(&self) -> usize {
        self.experts.map_or(0, |experts| {
            let choices = experts.used * size_of::<Choice>() / size_of::<f32>();
            experts.count + 2 * self.width + choices
        })
    }
}
