//! Grouped-query attention with rotary positions: `normed` to `attended`.

use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::LayerCache;
use hefu_numerics::ops::{Norm, Rotation};

use super::Context;
use crate::config::LayerConfig;
use crate::state::{State, Table};
use crate::weights::Attention as Weights;

/// Works out queries, keys and values of `state.normed`, and puts keys and values in the cache.
pub(crate) fn project(
    context: &Context<'_>,
    layer: &LayerConfig,
    weights: &Weights,
    cache: &mut LayerCache,
    spans: &[Span<'_>],
    state: &mut State,
) {
    let config = context.config;
    let rows = spans.iter().map(|span| span.tokens).sum();
    let queries = state.queries.sized(rows * config.heads * config.key_size);
    let keys = state.keys.sized(rows * config.key_value_heads * config.key_size);
    let values = state.values.sized(rows * config.key_value_heads * config.value_size);
    context.announce(&[&weights.output.matrix]);
    let linears = [&weights.query, &weights.key, &weights.value];
    context.linear(&mut state.scratch, state.normed.input(), rows, linears, [queries, keys, values]);
    let table = &state.tables[layer.rope];
    for (heads, count, gain) in [
        (&mut state.queries, config.heads, &weights.query_norm),
        (&mut state.keys, config.key_value_heads, &weights.key_norm),
    ] {
        let norm = gain.as_deref().map(|gain| context.norm_with(gain));
        rotate(context, table, norm, rows, &mut heads[..rows * count * config.key_size]);
    }
    let (key_row, value_row) = (config.key_value_heads * config.key_size, config.key_value_heads * config.value_size);
    let (keys, values) = (&state.keys[..rows * key_row], &state.values[..rows * value_row]);
    (context.ops.store)(context.team, cache, spans, keys, values);
}

/// Attends to all visible positions of the cache: `queries` to `attended`.
pub(crate) fn attend(
    context: &Context<'_>,
    layer: &LayerConfig,
    cache: &LayerCache,
    spans: &[Span<'_>],
    state: &mut State,
) {
    let config = context.config;
    let rows: usize = spans.iter().map(|span| span.tokens).sum();
    let attention = Attention {
        queries: &state.queries[..rows * config.heads * config.key_size],
        heads: config.heads,
        scale: config.score_scale,
        window: layer.window,
        cache,
        spans,
    };
    let output = state.attended.sized(rows * config.heads * config.value_size);
    (context.ops.attention)(context.team, &mut state.scratch, &attention, output);
}

fn rotate(context: &Context<'_>, table: &Table, norm: Option<Norm<'_>>, rows: usize, heads: &mut [f32]) {
    let (cosines, sines) = table.columns();
    let rotation = Rotation {
        tokens: rows,
        head_size: context.config.key_size,
        norm,
        pairs: context.config.rope_pairs,
        cosines,
        sines,
    };
    (context.ops.rope)(context.team, &rotation, heads);
}
