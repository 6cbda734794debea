//! Deals attention to threads.
//!
//! A task is a run of queries of one sequence on one key-value head: all query heads of the group, and as many tokens
//! as fit. It reads each page for all of them at once. Where there are tasks enough for all threads, each is one
//! thread's (`whole`); a few tasks over a long context, as in single steps, are cut at segments (`split`). Both add
//! up segments in ascending order, so that neither the cut nor the number of threads changes a bit. What does not pay
//! for several threads the calling one does alone.

mod split;
mod whole;

use crate::ops::{Alone, Team};
use crate::scratch::Scratch;
use hefu_numerics::attention::{Attention, SEGMENT, Span};
use hefu_numerics::functions::exp;
use hefu_numerics::kv::PAGE;

use super::Shared;
use crate::generic::attention::{MAX_QUERIES, QueryTile, TileMemory, query_numbers, result_width};
use crate::generic::kernels::{Attend, Kernels};
use crate::generic::lanes::LANES;

/// See [`crate::ops::Ops::attention`].
pub fn attention(
    kernels: &Kernels,
    team: &dyn Team,
    scratch: &mut Scratch,
    attention: &Attention<'_>,
    output: &mut [f32],
) {
    check(attention, output);
    let work = Work { kernels, attention, output: Shared::new(output.as_mut_ptr()) };
    if !team.worth_parallel(work.multiply_adds()) {
        // Meanwhile the other threads bring what comes next into their caches.
        whole::run(&work, &Alone, scratch);
    } else if split::worth_splitting(&work, team.threads()) {
        split::run(&work, team, scratch);
    } else {
        whole::run(&work, team, scratch);
    }
}

fn check(attention: &Attention<'_>, output: &[f32]) {
    let (cache, shape) = (attention.cache, attention.cache.shape);
    let rows: usize = attention.spans.iter().map(|span| span.tokens).sum();
    assert!(shape.heads > 0 && attention.heads.is_multiple_of(shape.heads));
    assert!(attention.queries.len() >= rows * attention.heads * shape.key_size);
    assert!(attention.sinks.is_none_or(|sinks| sinks.len() == attention.heads));
    assert!(attention.slopes.is_none_or(|slopes| slopes.len() == attention.heads));
    assert!(output.len() >= rows * attention.heads * shape.value_size);
    let pages = (cache.keys.len() / shape.page_key_bytes()).min(cache.values.len() / shape.page_value_bytes());
    let mut row = 0;
    for span in attention.spans {
        assert!(span.row == row, "spans follow each other");
        row += span.tokens;
        assert!(span.pages.len() * PAGE >= span.position + span.tokens);
        assert!(span.pages.iter().all(|&page| (page as usize) < pages));
    }
}

/// Arguments of one call.
struct Work<'a> {
    kernels: &'a Kernels,
    attention: &'a Attention<'a>,
    output: Shared<f32>,
}

/// Some queries of one span on one key-value head. A span's queries on a head are numbered by token, then by head.
#[derive(Debug, Clone, Copy)]
struct Task<'a> {
    span: &'a Span<'a>,
    head: usize,
    first_row: usize,
    rows: usize,
}

impl<'a> Work<'a> {
    /// Multiply-adds of all scores, as if all tokens saw whatever the last one of their span sees.
    fn multiply_adds(&self) -> usize {
        let pairs = |span: &Span<'_>| span.tokens * (span.position + span.tokens);
        let pairs: usize = self.attention.spans.iter().map(pairs).sum();
        pairs * self.attention.heads * self.attention.cache.shape.key_size
    }

    /// Query heads that share a key-value head.
    fn group(&self) -> usize {
        self.attention.heads / self.attention.cache.shape.heads
    }

    /// Most queries that a kernel takes.
    fn most_queries(&self) -> usize {
        self.kernels.queries.last().copied().unwrap_or(1)
    }

    /// Number of tasks of up to `rows` queries.
    fn tasks(&self, rows: usize) -> usize {
        self.attention.spans.iter().map(|span| self.tasks_of(span, rows)).sum()
    }

    fn tasks_of(&self, span: &Span<'_>, rows: usize) -> usize {
        (span.tokens * self.group()).div_ceil(rows) * self.attention.cache.shape.heads
    }

    /// The task with this number, of up to `rows` queries.
    fn task(&self, mut index: usize, rows: usize) -> Task<'a> {
        let heads = self.attention.cache.shape.heads;
        for span in self.attention.spans {
            let count = self.tasks_of(span, rows);
            if index < count {
                let first_row = index / heads * rows;
                let left = span.tokens * self.group() - first_row;
                return Task { span, head: index % heads, first_row, rows: rows.min(left) };
            }
            index -= count;
        }
        unreachable!("an index below the number of tasks")
    }

    /// The kernels for so many queries, and how many they take.
    fn kernel(&self, rows: usize) -> (&'a Attend, usize) {
        let index = self.kernels.queries.iter().position(|&most| most >= rows).expect("tiles are cut to the kernels");
        (&self.kernels.attend[index], self.kernels.queries[index])
    }

    /// `rows` queries of a task's span and head, from `first_row` on.
    fn tile(&self, task: &Task<'a>, first_row: usize, rows: usize) -> QueryTile<'a> {
        let (attention, cache, shape) = (self.attention, self.attention.cache, self.attention.cache.shape);
        let group = self.group();
        let mut tile = QueryTile {
            shape,
            keys: &cache.keys,
            values: &cache.values,
            pages: task.span.pages,
            head: task.head,
            scale: attention.scale,
            cap: attention.cap.unwrap_or(0.0),
            sinks: [f32::NEG_INFINITY; MAX_QUERIES],
            slopes: [0.0; MAX_QUERIES],
            at: [0; MAX_QUERIES],
            queries: [std::ptr::null(); MAX_QUERIES],
            outputs: [std::ptr::null_mut(); MAX_QUERIES],
            visible: [(0, 0); MAX_QUERIES],
            is_from_memory: false,
            // In the cache already: nothing is known of what follows.
            then: self.begin(task),
        };
        for r in 0..MAX_QUERIES {
            let row = first_row + r.min(rows - 1);
            let token = row / group;
            let at = (task.span.row + token) * attention.heads + task.head * group + row % group;
            let position = task.span.position + token;
            tile.queries[r] = attention.queries[at * shape.key_size..].as_ptr();
            tile.visible[r] = (attention.first_visible(position), attention.last_visible(task.span, position));
            tile.at[r] = position;
            if let Some(slopes) = attention.slopes {
                tile.slopes[r] = slopes[at % attention.heads];
            }
            if let Some(sinks) = attention.sinks {
                tile.sinks[r] = sinks[at % attention.heads];
            }
            if r < rows {
                // SAFETY: `check` saw that the output holds this row.
                tile.outputs[r] = unsafe { self.output.at(at * shape.value_size) };
            }
        }
        tile
    }

    /// True if few queries see the keys and values of a task's head, as in decoding: then these come from memory, and
    /// what the queries compute is little beside the time that takes.
    fn is_from_memory(&self, task: &Task<'_>) -> bool {
        task.span.tokens * self.group() <= self.most_queries()
    }

    /// Where a task begins to read.
    fn begin(&self, task: &Task<'_>) -> *const u8 {
        let (cache, shape) = (self.attention.cache, &self.attention.cache.shape);
        let position = self.attention.first_visible(task.span.position);
        let at = shape.key_at(task.span.pages[position / PAGE] as usize, task.head, position / LANES * LANES % PAGE, 0);
        cache.keys.as_ptr().wrapping_add(at)
    }

    /// Asks for the keys of block `block` of a task's sequence, if it has one.
    fn fetch_keys(&self, task: &Task<'_>, block: usize) {
        let (cache, shape) = (self.attention.cache, &self.attention.cache.shape);
        let (position, slot) = (block * LANES, block * LANES % PAGE);
        if let Some(&page) = task.span.pages.get(position / PAGE)
            && position < task.span.position + task.span.tokens
        {
            let at = shape.key_at(page as usize, task.head, slot, 0);
            let bytes = self.block_bytes(shape.page_key_bytes());
            // SAFETY: these kernels are handed out only where their instructions are.
            unsafe { (self.kernels.fetch)(cache.keys.as_ptr().wrapping_add(at), bytes) }
        }
    }

    /// Alike for values.
    fn fetch_values(&self, task: &Task<'_>, block: usize) {
        let (cache, shape) = (self.attention.cache, &self.attention.cache.shape);
        let (position, slot) = (block * LANES, block * LANES % PAGE);
        if let Some(&page) = task.span.pages.get(position / PAGE) {
            let at = shape.value_at(page as usize, task.head, slot, 0);
            let bytes = self.block_bytes(shape.page_value_bytes());
            // SAFETY: as above.
            unsafe { (self.kernels.fetch)(cache.values.as_ptr().wrapping_add(at), bytes) }
        }
    }

    /// Of the bytes of a page those of one head's block. In q8, scales lie behind all codes and are not among them.
    fn block_bytes(&self, page_bytes: usize) -> usize {
        page_bytes / self.attention.cache.shape.heads / PAGE_BLOCKS
    }

    /// Adds what sinks weigh to the denominators.
    ///
    /// # Safety
    /// Both are valid for as many numbers as the tile has queries.
    unsafe fn add_sinks(&self, tile: &QueryTile<'_>, totals: *mut f32, largest: impl Fn(usize) -> f32) {
        if self.attention.sinks.is_none() {
            return;
        }
        for r in (0..MAX_QUERIES).filter(|r| !tile.outputs[*r].is_null()) {
            // SAFETY: both are valid for as many numbers as the tile has queries.
            unsafe { *totals.add(r) += exp(tile.sinks[r] - largest(r)) };
        }
    }

    /// Numbers of all scores of a tile of `queries` queries that see `first..=last`, filled up to whole blocks.
    fn score_numbers(queries: usize, first: usize, last: usize) -> usize {
        (last / LANES - first / LANES + 1) * LANES * queries
    }

    /// Numbers of everything else that a tile keeps.
    fn tile_numbers(&self) -> usize {
        let shape = &self.attention.cache.shape;
        (query_numbers(shape) + MAX_QUERIES * (2 + result_width(shape))).next_multiple_of(LANES)
    }
}

/// Zeroes the sums of `queries` queries.
///
/// # Safety
/// The memory is valid for what its fields say.
unsafe fn clear(memory: &TileMemory, queries: usize, width: usize) {
    // SAFETY: the memory is valid for what its fields say; zero bits are the number +0.
    unsafe {
        memory.totals.write_bytes(0, queries);
        if !memory.is_last {
            memory.results.write_bytes(0, queries * width);
        }
    }
}

/// Blocks of 16 positions in a page.
const PAGE_BLOCKS: usize = PAGE / LANES;

/// Prefetch distance of keys, in blocks.
const AHEAD: usize = 2;

/// The segments of a range of positions.
fn segments((first, last): (usize, usize)) -> std::ops::Range<usize> {
    first / SEGMENT..last / SEGMENT + 1
}
