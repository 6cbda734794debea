//! Keys and values into the cache (clause A1).

use crate::attention::Span;
use crate::kv::{LayerCache, PAGE};

/// Puts the keys (`[rows][heads][key]`) and values (`[rows][heads][value]`; none where they are the first part of keys) of
/// all spans' rows at their places.
pub fn store_kv(keys: &[f32], values: Option<&[f32]>, spans: &[Span<'_>], cache: &mut LayerCache) {
    let shape = cache.shape;
    let (key_row, value_row) = (shape.heads * shape.key_size, shape.heads * shape.value_size);
    for span in spans {
        for token in 0..span.tokens {
            let (row, position) = (span.row + token, span.position + token);
            let page = span.pages[position / PAGE] as usize;
            let key = &keys[row * key_row..][..key_row];
            let value = values.map_or(&[][..], |values| &values[row * value_row..][..value_row]);
            cache.store(page, position % PAGE, key, value);
        }
    }
}
