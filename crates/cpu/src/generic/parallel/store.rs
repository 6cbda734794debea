//! Deals keys and values to threads: the part of a page that one span writes is one thread's.

use crate::ops::{Alone, Team};
use hefu_numerics::attention::Span;
use hefu_numerics::kv::{LayerCache, PAGE};

use super::{Shared, parallel_for};
use crate::generic::kernels::Kernels;
use crate::generic::store::Place;

/// Below this many elements a second thread costs more than it saves.
const MIN_PARALLEL_WORK: usize = 2048;

/// Consecutive rows that go to one page.
struct Part {
    row: usize,
    rows: usize,
    page: usize,
    slot: usize,
}

/// See [`crate::ops::Ops::store`].
pub fn store(
    kernels: &Kernels,
    team: &dyn Team,
    cache: &mut LayerCache,
    spans: &[Span<'_>],
    keys: &[f32],
    values: &[f32],
) {
    let shape = cache.shape;
    let (key_row, value_row) = (shape.heads * shape.key_size, shape.heads * shape.value_size);
    let pages = (cache.keys.len() / shape.page_key_bytes()).min(cache.values.len() / shape.page_value_bytes());
    let parts = parts(spans);
    for part in &parts {
        assert!(part.page < pages && part.slot + part.rows <= PAGE);
        assert!(keys.len() >= (part.row + part.rows) * key_row && values.len() >= (part.row + part.rows) * value_row);
    }
    // Two spans that write to one page might write to one place; in turn, the last one's stays.
    let share = keys.len() + values.len() >= MIN_PARALLEL_WORK && are_different(&parts);
    let team = if share { team } else { &Alone };
    let (to_keys, to_values) = (Shared(cache.keys.as_mut_ptr()), Shared(cache.values.as_mut_ptr()));
    parallel_for(team, parts.len(), &|i, _| {
        let part = &parts[i];
        for (i, row) in (part.row..part.row + part.rows).enumerate() {
            // SAFETY: these kernels are handed out only where their instructions are; the page exists, and no other
            // thread has a part of it.
            unsafe {
                let (keys_at, values_at) = (to_keys.at(0), to_values.at(0));
                let place = Place {
                    shape,
                    keys: keys_at,
                    values: values_at,
                    page: part.page,
                    slot: part.slot + i,
                    is_from_memory: i == 0,
                };
                (kernels.store)(&place, &keys[row * key_row..][..key_row], &values[row * value_row..][..value_row]);
            }
        }
    });
}

fn parts(spans: &[Span<'_>]) -> Vec<Part> {
    let mut parts = Vec::with_capacity(spans.len());
    for span in spans {
        let mut done = 0;
        while done < span.tokens {
            let position = span.position + done;
            let rows = (PAGE - position % PAGE).min(span.tokens - done);
            let page = span.pages[position / PAGE] as usize;
            parts.push(Part { row: span.row + done, rows, page, slot: position % PAGE });
            done += rows;
        }
    }
    parts
}

/// True if no two parts belong to one page.
fn are_different(parts: &[Part]) -> bool {
    let mut pages: Vec<usize> = parts.iter().map(|part| part.page).collect();
    pages.sort_unstable();
    pages.windows(2).all(|pair| pair[0] != pair[1])
}
