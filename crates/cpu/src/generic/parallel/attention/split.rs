//! Few tasks are cut, so that all threads work on each.
//!
//! ```text
//! 1   scores of a piece of each task's positions, and the largest of them
//! 2   sums of a part of the elements over each segment of each task, with the largest score of all its pieces
//! 3   sums of all segments in ascending order, for each task
//! ```
//!
//! Each key and each value is read by one thread: were heads dealt instead, all threads would read all of those that the
//! heads share. Threads take one item at a time, and meet between the steps.

mod layout;

use std::ops::Range;

use crate::ops::Team;
use crate::scratch::Scratch;
use hefu_numerics::kv::{PAGE, Profile};

use super::{AHEAD, PAGE_BLOCKS, Task, Work, segments};
use crate::generic::attention::{QueryTile, TileMemory, result_width};
use crate::generic::lanes::LANES;
use crate::generic::parallel::{Shared, parallel_for};

use layout::Layout;

/// From so many tasks per thread on, each is one thread's.
const TASKS_PER_THREAD: usize = 4;
/// Segments from which on a task is worth the meetings, if there are fewer tasks than that.
const LEAST_SEGMENTS: usize = 4;
/// Positions from which on it is, if threads would go without a task.
const LEAST_POSITIONS: usize = 128;
/// Elements of a part are a multiple of this: cache lines of values, and of results, are one thread's.
const ELEMENTS: usize = 64;

/// True if there are so few tasks over so many positions that cutting them pays.
pub(super) fn worth_splitting(work: &Work<'_>, threads: usize) -> bool {
    let most = work.most_queries();
    let count = work.tasks(most);
    let positions = |index| tile(work, &work.task(index, most)).positions();
    let is_long = |index| segments(positions(index)).len() >= LEAST_SEGMENTS;
    let is_shared = |index| positions(index).1 - positions(index).0 >= LEAST_POSITIONS;
    count < threads && (0..count).any(is_shared)
        || threads > 1 && count < threads * TASKS_PER_THREAD && (0..count).any(is_long)
}

/// The one tile of a task.
fn tile<'a>(work: &Work<'a>, task: &Task<'a>) -> QueryTile<'a> {
    work.tile(task, task.first_row, task.rows)
}

/// A task with its place in the working memory.
struct Part<'a> {
    task: Task<'a>,
    /// The pages that it sees, and the first block of 16 positions of these.
    pages: Range<usize>,
    first_block: usize,
    /// Number of pieces that they are cut into, and the number of the first among those of all tasks.
    pieces: usize,
    first_piece: usize,
    /// Its segments, and the number of the first among those of all tasks.
    segments: Range<usize>,
    first_segment: usize,
    /// Where its scores begin.
    scores: usize,
}

impl Part<'_> {
    /// The blocks of piece `index`: whole pages, as far as they are seen.
    fn blocks(&self, tile: &QueryTile<'_>, index: usize) -> Range<usize> {
        let page = |index| self.pages.start + self.pages.len() * index / self.pieces;
        let (first, last) = tile.positions();
        let end = (page(index + 1) * PAGE_BLOCKS).min(last / LANES + 1);
        (page(index) * PAGE_BLOCKS).max(first / LANES)..end
    }
}

pub(super) fn run(work: &Work<'_>, team: &dyn Team, scratch: &mut Scratch) {
    let parts = parts(work, team.threads());
    let pieces = parts.last().map_or(0, |part| part.first_piece + part.pieces);
    let segments = parts.last().map_or(0, |part| part.first_segment + part.segments.len());
    let layout = Layout::new(work, &parts, team.threads(), [pieces, segments]);
    let memory = Shared::new(scratch.reserve(layout.numbers * 4).cast::<f32>());
    // Of all three steps: each thread has its own piece of scratch, each item its own scores or sums, each task its own
    // outputs; `check` saw the shapes, and a step begins when the one before has ended.
    let cuts = Cuts::new(work, segments, team.threads());
    let scoring = |item, thread| {
        let part = find(&parts, |part| part.first_piece, item);
        // SAFETY: the item's own scores, and the thread's own piece of scratch.
        unsafe { score(work, part, item - part.first_piece, &layout.scoring(memory.at(0), part, item, thread)) };
    };
    parallel_for(team, pieces, &scoring);
    let adding = |item, thread| {
        let (segment, elements) = cuts.item(item);
        let part = find(&parts, |part| part.first_segment, segment);
        // SAFETY: the item's own sums, and the thread's own piece of scratch; scores and the largest of them are read,
        // which nobody writes in this step.
        unsafe { add(work, &layout, memory.at(0), part, segment, elements, thread) };
    };
    parallel_for(team, segments * cuts.count, &adding);
    parallel_for(team, parts.len(), &|index, thread| {
        // SAFETY: a task's own segments, which no other thread touches in this step, and its own outputs.
        unsafe { merge(work, &layout, memory.at(0), &parts[index], thread) };
    });
}

/// Into how many parts elements are cut, so that there are items enough for all threads.
struct Cuts {
    count: usize,
    /// Parts of [`ELEMENTS`] that a value has.
    units: usize,
}

impl Cuts {
    fn new(work: &Work<'_>, segments: usize, threads: usize) -> Cuts {
        let units = work.attention.cache.shape.value_size.div_ceil(ELEMENTS);
        let count = (2 * threads).div_ceil(segments.max(1)).min(threads).clamp(1, units);
        Cuts { count, units }
    }

    /// The segment of an item, among those of all tasks, and its elements.
    fn item(&self, item: usize) -> (usize, Range<usize>) {
        let (segment, cut) = (item / self.count, item % self.count);
        let unit = |cut| self.units * cut / self.count * ELEMENTS;
        (segment, unit(cut)..unit(cut + 1))
    }
}

fn parts<'a>(work: &Work<'a>, threads: usize) -> Vec<Part<'a>> {
    let most = work.most_queries();
    let count = work.tasks(most);
    let (mut first_piece, mut first_segment, mut scores) = (0, 0, 0);
    let part = |index| {
        let task = work.task(index, most);
        let (first, last) = tile(work, &task).positions();
        let (pages, segments) = (first / PAGE..last / PAGE + 1, segments((first, last)));
        let pieces = threads.div_ceil(count).max(segments.len()).min(pages.len());
        let part =
            Part { task, pages, first_block: first / LANES, pieces, first_piece, segments, first_segment, scores };
        first_piece += part.pieces;
        first_segment += part.segments.len();
        scores += Work::score_numbers(most, first, last);
        part
    };
    (0..count).map(part).collect()
}

/// The task of an item.
fn find<'p, 'a>(parts: &'p [Part<'a>], first: impl Fn(&Part<'a>) -> usize, item: usize) -> &'p Part<'a> {
    &parts[parts.partition_point(|part| first(part) <= item) - 1]
}

/// # Safety
/// The kernels' instructions are there, shapes were checked, and the memory is valid for what its fields say.
unsafe fn score(work: &Work<'_>, part: &Part<'_>, piece: usize, memory: &TileMemory) {
    let (mut tile, (kernel, _)) = (tile(work, &part.task), work.kernel(part.task.rows));
    let blocks = part.blocks(&tile, piece);
    tile.is_from_memory = true;
    // SAFETY: the kernels' instructions are there, shapes were checked, and the memory is valid for what its fields
    // say.
    unsafe {
        (kernel.begin)(&tile, memory);
        if tile.shape.profile == Profile::F16 {
            return (kernel.score)(&tile, memory, blocks);
        }
        for block in blocks {
            work.fetch_keys(&part.task, block + AHEAD);
            (kernel.score)(&tile, memory, block..block + 1);
        }
    }
}

/// Adds up some elements over segment `segment` of all tasks'.
///
/// # Safety
/// As [`score`], which ran for all pieces; `from` is valid for the layout.
unsafe fn add(
    work: &Work<'_>,
    layout: &Layout,
    from: *mut f32,
    part: &Part<'_>,
    segment: usize,
    elements: Range<usize>,
    thread: usize,
) {
    let (mut tile, (kernel, queries)) = (tile(work, &part.task), work.kernel(part.task.rows));
    let width = result_width(&tile.shape);
    let number = part.segments.start + segment - part.first_segment;
    let blocks = tile.blocks(number);
    tile.is_from_memory = true;
    // SAFETY: what [`score`] asks holds; a segment's scores fit into the thread's copy of them.
    unsafe {
        let memory = layout.adding(from, segment, thread, blocks.start);
        for r in 0..queries {
            let largest = (0..part.pieces).map(|piece| *layout.largest(from, part.first_piece + piece).add(r));
            *memory.largest.add(r) = largest.fold(f32::NEG_INFINITY, f32::max);
            let (first, last) = (elements.start, elements.end.min(width));
            memory.results.add(r * width + first).write_bytes(0, last - first);
        }
        memory.totals.write_bytes(0, queries);
        // Several threads weigh the same scores, each for its elements.
        let scores = layout.scores(from, part).add((blocks.start - part.first_block) * queries * LANES);
        memory.scores.copy_from_nonoverlapping(scores, blocks.len() * queries * LANES);
        let ends_here = elements.end.min(tile.shape.value_size);
        (kernel.add)(&tile, &memory, number, elements.start..ends_here);
        if elements.start == 0 {
            layout.totals(from, segment).copy_from_nonoverlapping(memory.totals, queries);
        }
    }
}

/// Adds up the segments of a task and writes its outputs.
///
/// # Safety
/// As [`add`], which ran for all of them.
unsafe fn merge(work: &Work<'_>, layout: &Layout, from: *mut f32, part: &Part<'_>, thread: usize) {
    let (tile, (_, queries)) = (tile(work, &part.task), work.kernel(part.task.rows));
    let width = result_width(&tile.shape);
    // SAFETY: what [`add`] asks holds.
    unsafe {
        let sum = layout.merging(from, part.first_segment, thread);
        for segment in part.first_segment + 1..part.first_segment + part.segments.len() {
            let its = layout.merging(from, segment, thread);
            (0..queries).for_each(|r| *sum.totals.add(r) += *its.totals.add(r));
            (0..queries * width).for_each(|i| *sum.results.add(i) += *its.results.add(i));
        }
        let pieces = part.first_piece..part.first_piece + part.pieces;
        let largest =
            |r| pieces.clone().map(|piece| *layout.largest(from, piece).add(r)).fold(f32::NEG_INFINITY, f32::max);
        work.add_sinks(&tile, sum.totals, largest);
        (work.kernels.finish)(&tile, &sum);
    }
}
