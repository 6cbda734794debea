//! Each task is one thread's.
//!
//! A task has several tiles of as many queries as the kernels take. All of them run through one segment before the next,
//! so that its keys, and then its values, come from the nearest caches for all but the first.

use crate::ops::Team;
use crate::scratch::Scratch;
use hefu_numerics::kv::Profile;

use super::{AHEAD, Task, Work, clear, segments};
use crate::generic::attention::{
    FOLDED_NUMBERS, MAX_QUERIES, QueryTile, TileMemory, can_be_last, query_numbers, result_width,
};
use crate::generic::kernels::Attend;
use crate::generic::lanes::LANES;
use crate::generic::parallel::{Shared, parallel_for};

/// Most tiles of a task.
const TILES: usize = 4;
/// Tasks for each thread that there should be at least, so that none waits long for the last.
const TASKS_PER_THREAD: usize = 4;
/// Most scores of a task of several tiles: 4 MiB for each thread.
const MOST_SCORES: usize = 1 << 20;

pub(super) fn run(work: &Work<'_>, team: &dyn Team, scratch: &mut Scratch) {
    let rows = rows_per_task(work, team.threads());
    let layout = Layout::new(work, rows);
    let memory = Shared::new(scratch.reserve(layout.numbers * team.threads() * 4).cast::<f32>());
    let total = work.tasks(rows);
    parallel_for(team, total, &|index, thread| {
        // Later tasks of a prompt see more positions: the longest work is assigned first.
        let index = total - 1 - index;
        let task = work.task(index, rows);
        // Where tasks are alike, as in decoding, threads take turns.
        let then = index.checked_sub(team.threads()).filter(|_| work.is_from_memory(&task));
        let then = then.map(|index| work.begin(&work.task(index, rows)));
        // SAFETY: each thread has its own piece of scratch, each task its own outputs; `check` saw the shapes.
        unsafe { attend(work, &task, then, &layout, memory.at(thread * layout.numbers)) };
    });
}

/// As many queries per task as pay, fewer if threads would go without.
fn rows_per_task(work: &Work<'_>, threads: usize) -> usize {
    let (most, longest) = (work.most_queries(), longest(work));
    let several = (2..=TILES).rev().map(|tiles| tiles * most);
    let several = several.filter(|rows| rows * longest <= MOST_SCORES);
    let enough = several.into_iter().find(|&rows| work.tasks(rows) >= threads * TASKS_PER_THREAD);
    let single = || work.kernels.queries.iter().copied().rev().find(|&rows| work.tasks(rows) >= threads);
    enough.or_else(single).unwrap_or(1)
}

/// The last position that any query sees.
fn longest(work: &Work<'_>) -> usize {
    work.attention.spans.iter().map(|span| span.position + span.tokens).max().unwrap_or(0)
}

/// Where a task's memory lies: what all its tiles share, then one piece for each.
struct Layout {
    tile: usize,
    numbers: usize,
}

impl Layout {
    fn new(work: &Work<'_>, rows: usize) -> Self {
        let most = work.most_queries();
        let scores = Work::score_numbers(most, 0, longest(work));
        let tile = work.tile_numbers() + scores;
        Layout { tile, numbers: FOLDED_NUMBERS + tile * rows.div_ceil(most) }
    }

    /// The memory of tile `index`, whose first visible position is `first`.
    ///
    /// # Safety
    /// `from` is valid for `numbers` numbers.
    unsafe fn memory(&self, work: &Work<'_>, from: *mut f32, index: usize, first: usize) -> TileMemory {
        let shape = &work.attention.cache.shape;
        // SAFETY: the pieces follow each other as `new` counts them.
        unsafe {
            let tile = from.add(FOLDED_NUMBERS + index * self.tile);
            let totals = tile.add(query_numbers(shape));
            TileMemory {
                folded: from,
                queries: tile,
                totals,
                largest: totals.add(MAX_QUERIES),
                results: totals.add(2 * MAX_QUERIES),
                is_last: false,
                scores: tile.add(work.tile_numbers()),
                first_block: first / LANES,
            }
        }
    }
}

/// Works on a task; `then` is where the thread's next one is likely to begin.
///
/// # Safety
/// The kernels' instructions are there, shapes were checked, and `scratch` is valid for the layout.
unsafe fn attend<'a>(work: &Work<'a>, task: &Task<'a>, then: Option<*const u8>, layout: &Layout, scratch: *mut f32) {
    let most = work.most_queries();
    let count = task.rows.div_ceil(most);
    let shape = &work.attention.cache.shape;
    let width = result_width(shape);
    let is_from_memory = work.is_from_memory(task);
    let tiles: [(QueryTile<'a>, &Attend, TileMemory); TILES] = std::array::from_fn(|index| {
        let first_row = index.min(count - 1) * most;
        let rows = most.min(task.rows - first_row);
        let mut tile = work.tile(task, task.first_row + first_row, rows);
        if is_from_memory {
            tile.is_from_memory = true;
            tile.then = then.unwrap_or(tile.then);
        }
        let (kernel, queries) = work.kernel(rows);
        // SAFETY: the kernels' instructions are there, shapes were checked, and `scratch` is valid for the layout.
        let mut memory = unsafe { layout.memory(work, scratch, index.min(count - 1), tile.positions().0) };
        let is_alone = segments(tile.positions()).len() == 1 && work.attention.sinks.is_none();
        memory.is_last = can_be_last(shape) && is_alone;
        if index < count {
            // SAFETY: the kernels' instructions are there, shapes were checked, and `scratch` is valid for the
            // layout.
            unsafe {
                (kernel.begin)(&tile, &memory);
                clear(&memory, queries, width);
            }
        }
        (tile, kernel, memory)
    });
    let tiles = &tiles[..count];
    let first = tiles.iter().map(|(tile, ..)| tile.positions().0).min().unwrap_or(0);
    let last = tiles.iter().map(|(tile, ..)| tile.positions().1).max().unwrap_or(0);
    // SAFETY: the kernels' instructions are there, shapes were checked, and `scratch` is valid for the layout; all
    // scores are there before any is weighed.
    unsafe {
        for segment in segments((first, last)) {
            for (tile, kernel, memory) in tiles {
                let blocks = tile.blocks(segment);
                if !is_from_memory || shape.profile == Profile::F16 {
                    (kernel.score)(tile, memory, blocks);
                    continue;
                }
                for block in blocks {
                    work.fetch_keys(task, block + AHEAD);
                    work.fetch_values(task, block);
                    (kernel.score)(tile, memory, block..block + 1);
                }
            }
        }
        for segment in segments((first, last)) {
            for (tile, kernel, memory) in tiles {
                (kernel.add)(tile, memory, segment, 0..shape.value_size);
            }
        }
        for (tile, _, memory) in tiles.iter().filter(|(_, _, memory)| !memory.is_last) {
            work.add_sinks(tile, memory.totals, |r| *memory.largest.add(r));
            (work.kernels.finish)(tile, memory);
        }
    }
}
