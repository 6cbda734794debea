//! A few tasks over a long context are cut at segments.
//!
//! ```text
//! 1   scores of each segment of each task, and its largest score
//! 2   sums of each segment of each task, with the largest score of all of them
//! 3   sums of all segments in ascending order, for each task
//! ```
//!
//! Threads take one segment at a time, and meet between the steps.

use hefu_numerics::kv::Profile;
use hefu_numerics::ops::{Scratch, Team};

use super::{AHEAD, Task, Work, clear, finish, segments};
use crate::generic::attention::{
    Ahead, FOLDED_NUMBERS, MAX_QUERIES, QueryTile, TileMemory, query_numbers, result_width,
};
use crate::generic::drive::{Shared, deal};
use crate::generic::lanes::LANES;

/// From so many tasks per thread on, each is one thread's.
const TASKS_PER_THREAD: usize = 4;
/// Segments from which on a task is worth the two meetings more.
const LEAST_SEGMENTS: usize = 4;

/// Whether there are so few tasks over so many positions that cutting them pays.
pub(super) fn pays(work: &Work<'_>, threads: usize) -> bool {
    let most = work.most_queries();
    let count = work.tasks(most);
    let is_long = |index| segments(tile(work, &work.task(index, most)).positions()).len() >= LEAST_SEGMENTS;
    threads > 1 && count < threads * TASKS_PER_THREAD && (0..count).any(is_long)
}

/// The one tile of a task.
fn tile<'a>(work: &Work<'a>, task: &Task<'a>) -> QueryTile<'a> {
    work.tile(task, task.first_row, task.rows)
}

/// A task with its place in the working memory.
struct Part<'a> {
    task: Task<'a>,
    /// The first block of 16 positions that it sees.
    first_block: usize,
    /// Its segments, and the number of its first among those of all tasks.
    segments: std::ops::Range<usize>,
    first_item: usize,
    /// Where its scores begin.
    scores: usize,
}

/// Working memory: for each thread what its tile needs, for each segment its sums, for each task its scores.
struct Layout {
    thread: usize,
    item: usize,
    items_at: usize,
    scores_at: usize,
    numbers: usize,
}

pub(super) fn run(work: &Work<'_>, team: &dyn Team, scratch: &mut Scratch) {
    let (parts, layout) = lay_out(work, team.threads());
    let items = parts.last().map_or(0, |part| part.first_item + part.segments.len());
    let memory = Shared::new(scratch.reserve(layout.numbers * 4).cast::<f32>());
    let width = result_width(&work.attention.cache.shape);
    // Of all three steps: each thread has its own piece of scratch, each item its own scores and sums, each task
    // its own outputs; `check` saw the shapes, and a step begins when the one before has ended.
    deal(team, items, &|item, thread| {
        let (part, segment) = find(&parts, item);
        let (mut tile, (kernel, _)) = (tile(work, &part.task), work.kernel(part.task.rows));
        tile.ahead = Ahead::Keys;
        // SAFETY: an item's own scores and sums, and the thread's own piece of scratch.
        unsafe {
            let memory = layout.memory(memory.at(0), part, item, thread);
            (kernel.begin)(&tile, &memory);
            let blocks = tile.blocks(segment);
            if tile.shape.profile == Profile::F16 {
                return (kernel.score)(&tile, &memory, blocks);
            }
            for block in blocks {
                work.fetch_keys(&part.task, block + AHEAD);
                (kernel.score)(&tile, &memory, block..block + 1);
            }
        }
    });
    deal(team, items, &|item, thread| {
        let (part, segment) = find(&parts, item);
        let (tile, (kernel, queries)) = (tile(work, &part.task), work.kernel(part.task.rows));
        // SAFETY: the same; of other items only the largest scores are read, which nobody writes in this step.
        unsafe {
            let mut largest = [f32::NEG_INFINITY; MAX_QUERIES];
            for other in part.first_item..part.first_item + part.segments.len() {
                let its = layout.memory(memory.at(0), part, other, thread).largest;
                (0..queries).for_each(|r| largest[r] = largest[r].max(*its.add(r)));
            }
            // The segment's own largest score stays as it is: other threads are reading it.
            let memory = layout.memory(memory.at(0), part, item, thread);
            let memory = TileMemory { largest: largest.as_mut_ptr(), ..memory };
            clear(&memory, queries, width);
            // Positions are gone through once for some elements, then for some more: all come first.
            tile.blocks(segment).for_each(|block| work.fetch_values(&part.task, block));
            (kernel.add)(&tile, &memory, segment);
        }
    });
    deal(team, parts.len(), &|index, thread| {
        let part = &parts[index];
        let (_, queries) = work.kernel(part.task.rows);
        // SAFETY: a task's own items, which no other thread touches in this step, and its own outputs.
        unsafe {
            let sum = layout.memory(memory.at(0), part, part.first_item, thread);
            for item in part.first_item + 1..part.first_item + part.segments.len() {
                let memory = layout.memory(memory.at(0), part, item, thread);
                (0..queries).for_each(|r| *sum.totals.add(r) += *memory.totals.add(r));
                (0..queries * width).for_each(|i| *sum.results.add(i) += *memory.results.add(i));
            }
            finish(&tile(work, &part.task), &sum);
        }
    });
}

fn lay_out<'a>(work: &Work<'a>, threads: usize) -> (Vec<Part<'a>>, Layout) {
    let most = work.most_queries();
    let (mut first_item, mut scores) = (0, 0);
    let parts = (0..work.tasks(most)).map(|index| {
        let task = work.task(index, most);
        let (first, last) = tile(work, &task).positions();
        let part = Part { task, first_block: first / LANES, segments: segments((first, last)), first_item, scores };
        first_item += part.segments.len();
        scores += Work::score_numbers(most, first, last);
        part
    });
    let parts: Vec<Part<'a>> = parts.collect();
    let shape = &work.attention.cache.shape;
    let thread = FOLDED_NUMBERS + query_numbers(shape).next_multiple_of(LANES);
    let item = MAX_QUERIES * (2 + result_width(shape));
    let items_at = thread * threads;
    let scores_at = items_at + item * first_item;
    (parts, Layout { thread, item, items_at, scores_at, numbers: scores_at + scores })
}

/// The task and the segment of an item.
fn find<'p, 'a>(parts: &'p [Part<'a>], item: usize) -> (&'p Part<'a>, usize) {
    let after = parts.partition_point(|part| part.first_item <= item);
    let part = &parts[after - 1];
    (part, part.segments.start + item - part.first_item)
}

impl Layout {
    /// # Safety
    /// `from` is valid for `numbers` numbers.
    unsafe fn memory(&self, from: *mut f32, part: &Part<'_>, item: usize, thread: usize) -> TileMemory {
        // SAFETY: the pieces follow each other as `lay_out` counts them.
        unsafe {
            let totals = from.add(self.items_at + item * self.item);
            TileMemory {
                folded: from.add(thread * self.thread),
                queries: from.add(thread * self.thread + FOLDED_NUMBERS),
                totals,
                largest: totals.add(MAX_QUERIES),
                results: totals.add(2 * MAX_QUERIES),
                scores: from.add(self.scores_at + part.scores),
                first_block: part.first_block,
            }
        }
    }
}
