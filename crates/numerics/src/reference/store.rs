//! Keys and values into the cache (clause A1).

use crate::attention::Span;
use crate::kv::{LayerCache, PAGE};
use crate::ops::Team;

/// See [`crate::ops::Ops::store`].
pub(super) fn store(_: &dyn Team, cache: &mut LayerCache, spans: &[Span<'_>], keys: &[f32], values: &[f32]) {
    let shape = cache.shape;
    let (key_row, value_row) = (shape.heads * shape.key_size, shape.heads * shape.value_size);
    for span in spans {
        for token in 0..span.tokens {
            let (row, position) = (span.row + token, span.position + token);
            let page = span.pages[position / PAGE] as usize;
            let (key, value) = (&keys[row * key_row..][..key_row], &values[row * value_row..][..value_row]);
            cache.store(page, position % PAGE, key, value);
        }
    }
}
