//! Deals attention to threads: a few queries of one sequence on one key-value head at a time.

use hefu_numerics::attention::{Attention, Span};
use hefu_numerics::kv::PAGE;
use hefu_numerics::ops::{Scratch, Team};

use super::{Shared, deal};
use crate::generic::attention::{MAX_QUERIES, QueryTile, scratch_numbers};
use crate::generic::kernels::Kernels;

/// See [`hefu_numerics::ops::Ops::attention`].
pub fn attention(
    kernels: &Kernels,
    team: &dyn Team,
    scratch: &mut Scratch,
    attention: &Attention<'_>,
    output: &mut [f32],
) {
    check(attention, output);
    let shape = attention.cache.shape;
    let most = attention.spans.iter().map(|span| span_scratch(attention, span)).max().unwrap_or(0);
    let most = most.next_multiple_of(16);
    let scratch = Shared(scratch.reserve(most * team.threads() * 4).cast::<f32>());
    let output = Shared(output.as_mut_ptr());
    let per_tile = queries_per_tile(kernels, attention, team.threads());
    let tiles = |span: &Span<'_>| rows(attention, span).div_ceil(per_tile) * shape.heads;
    let total = attention.spans.iter().map(tiles).sum();
    deal(team, total, &|index, thread| {
        // Later tiles of a prompt see more positions: the longest work is dealt first.
        let (span, tile) = find(attention.spans, &tiles, total - 1 - index);
        let (first_row, head) = (tile / shape.heads * per_tile, tile % shape.heads);
        let (tile, queries) = query_tile(attention, span, head, first_row, per_tile, &output);
        let kernel = kernels.queries.iter().position(|&most| most >= queries).expect("tiles are cut to the kernels");
        // SAFETY: the kernels' instructions are there; shapes were checked; each thread has its own piece of scratch,
        // each tile its own outputs.
        unsafe { kernels.attend[kernel](&tile, scratch.at(thread * most)) };
    });
}

fn check(attention: &Attention<'_>, output: &[f32]) {
    let (cache, shape) = (attention.cache, attention.cache.shape);
    let rows: usize = attention.spans.iter().map(|span| span.tokens).sum();
    assert!(shape.heads > 0 && attention.heads.is_multiple_of(shape.heads));
    assert!(attention.queries.len() >= rows * attention.heads * shape.key_size);
    assert!(output.len() >= rows * attention.heads * shape.value_size);
    let pages = (cache.keys.len() / shape.page_keys()).min(cache.values.len() / shape.page_values());
    let mut row = 0;
    for span in attention.spans {
        assert!(span.row == row, "spans follow each other");
        row += span.tokens;
        assert!(span.pages.len() * PAGE >= span.position + span.tokens);
        assert!(span.pages.iter().all(|&page| (page as usize) < pages));
    }
}

/// Queries of a span on one key-value head.
fn rows(attention: &Attention<'_>, span: &Span<'_>) -> usize {
    span.tokens * (attention.heads / attention.cache.shape.heads)
}

fn span_scratch(attention: &Attention<'_>, span: &Span<'_>) -> usize {
    let last = span.position + span.tokens.max(1) - 1;
    scratch_numbers(&attention.cache.shape, 0, last)
}

/// As many queries per tile as the kernels take, fewer if threads would go without.
fn queries_per_tile(kernels: &Kernels, attention: &Attention<'_>, threads: usize) -> usize {
    let all: usize = attention.spans.iter().map(|span| rows(attention, span) * attention.cache.shape.heads).sum();
    kernels.queries.iter().copied().rev().find(|&count| all >= count * threads).unwrap_or(1)
}

fn find<'a>(spans: &'a [Span<'a>], tiles: &dyn Fn(&Span<'_>) -> usize, mut index: usize) -> (&'a Span<'a>, usize) {
    for span in spans {
        let count = tiles(span);
        if index < count {
            return (span, index);
        }
        index -= count;
    }
    unreachable!("an index below the sum of all tiles")
}

/// The tile of up to `per_tile` queries from `first_row` on, and how many it holds.
fn query_tile<'a>(
    attention: &Attention<'a>,
    span: &Span<'a>,
    head: usize,
    first_row: usize,
    per_tile: usize,
    output: &Shared<f32>,
) -> (QueryTile<'a>, usize) {
    let (cache, shape) = (attention.cache, attention.cache.shape);
    let group = attention.heads / shape.heads;
    let queries = per_tile.min(rows(attention, span) - first_row);
    let mut tile = QueryTile {
        shape,
        keys: &cache.keys,
        values: &cache.values,
        pages: span.pages,
        head,
        scale: attention.scale,
        queries: [std::ptr::null(); MAX_QUERIES],
        outputs: [std::ptr::null_mut(); MAX_QUERIES],
        visible: [(0, 0); MAX_QUERIES],
    };
    for r in 0..MAX_QUERIES {
        let row = first_row + r.min(queries - 1);
        let token = row / group;
        let at = (span.row + token) * attention.heads + head * group + row % group;
        let position = span.position + token;
        tile.queries[r] = attention.queries[at * shape.key_size..].as_ptr();
        tile.visible[r] = (attention.first_visible(position), position);
        if r < queries {
            // SAFETY: `check` saw that the output holds this row.
            tile.outputs[r] = unsafe { output.at(at * shape.value_size) };
        }
    }
    (tile, queries)
}
