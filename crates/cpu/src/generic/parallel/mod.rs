//! Shares work among threads: which outputs are whose. Knows shapes and memory, no instructions.

pub mod attention;
pub mod elementwise;
pub mod linear;
pub mod rows;
pub mod store;

use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::ops::Team;

use crate::cache_padded::CachePadded;

/// A pointer that threads share, each writing to places of its own.
#[derive(Clone, Copy)]
pub(crate) struct Shared<T>(*mut T);

// SAFETY: a `Shared` is only made where the jobs given to a team write to disjoint places; see each use.
unsafe impl<T> Sync for Shared<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Shared<T> {}

impl<T> Shared<T> {
    /// Shares a pointer.
    pub(crate) fn new(pointer: *mut T) -> Self {
        Shared(pointer)
    }

    /// The same address of other elements.
    pub(crate) fn cast<U>(self) -> Shared<U> {
        Shared(self.0.cast())
    }

    /// The pointer, moved by `count` elements.
    ///
    /// # Safety
    /// As [`pointer::add`].
    pub(crate) unsafe fn at(&self, count: usize) -> *mut T {
        // SAFETY: what [`pointer::add`] asks holds.
        unsafe { self.0.add(count) }
    }
}

/// Calls `work(i, thread)` once for every `i` below `count`; threads take the next one as they become free, so that a
/// slower one holds nobody up.
pub(crate) fn parallel_for(team: &dyn Team, count: usize, work: &(dyn Fn(usize, usize) + Sync)) {
    if count <= 1 || team.threads() == 1 {
        (0..count).for_each(|i| work(i, 0));
        return;
    }
    let next = CachePadded(AtomicUsize::new(0));
    team.run(&|thread| {
        loop {
            let i = next.fetch_add(1, Ordering::Relaxed);
            if i >= count {
                return;
            }
            work(i, thread);
        }
    });
}

/// Parts of what a thread has left that it takes at a time: the pieces become smaller towards the end, where a large one
/// would hold the others up.
const SHARES: u32 = 8;

/// Calls `work(range, thread)` with ranges that together are `0..count`. Each thread goes through a range of its own
/// from front to back, so that what it reads follows in memory; one that is done goes on with what others have left at
/// the end of theirs.
pub(crate) fn parallel_ranges(team: &dyn Team, count: usize, work: &(dyn Fn(Range<usize>, usize) + Sync)) {
    let threads = team.threads();
    if count <= 1 || threads == 1 || u32::try_from(count).is_err() {
        return work(0..count, 0);
    }
    let queues: Vec<WorkQueue> =
        (0..threads).map(|i| WorkQueue::new(count * i / threads..count * (i + 1) / threads)).collect();
    team.run(&|thread| {
        while let Some(range) = queues[thread].take_front() {
            work(range, thread);
        }
        for other in (1..threads).map(|i| &queues[(thread + i) % threads]) {
            while let Some(range) = other.take_back() {
                work(range, thread);
            }
        }
    });
}

/// Rest of a thread's range: both ends in one number. Its thread writes it often.
struct WorkQueue(CachePadded<AtomicU64>);

impl WorkQueue {
    /// `range` ends below 2^32.
    fn new(range: Range<usize>) -> WorkQueue {
        WorkQueue(CachePadded(AtomicU64::new((range.start as u64) << 32 | range.end as u64)))
    }

    fn take_front(&self) -> Option<Range<usize>> {
        self.take(|start, end| {
            let cut = start + (end - start).div_ceil(SHARES);
            ([start, cut], [cut, end])
        })
    }

    fn take_back(&self) -> Option<Range<usize>> {
        self.take(|start, end| {
            let cut = end - (end - start).div_ceil(SHARES);
            ([cut, end], [start, cut])
        })
    }

    /// Cuts what is left into what is taken and what stays.
    fn take(&self, cut: impl Fn(u32, u32) -> ([u32; 2], [u32; 2])) -> Option<Range<usize>> {
        let mut now = self.0.load(Ordering::Relaxed);
        loop {
            let (start, end) = ((now >> 32) as u32, now as u32);
            if start >= end {
                return None;
            }
            let (taken, stays) = cut(start, end);
            let next = u64::from(stays[0]) << 32 | u64::from(stays[1]);
            match self.0.compare_exchange_weak(now, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Some(taken[0] as usize..taken[1] as usize),
                Err(found) => now = found,
            }
        }
    }
}

/// Part of `range` among the `count` numbers from `first` on, counted from there.
pub(crate) fn overlap(range: &Range<usize>, first: usize, count: usize) -> Range<usize> {
    let within = |number: usize| number.clamp(first, first + count) - first;
    within(range.start)..within(range.end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Pool;

    #[test]
    fn ranges_cover_everything_once_even_if_one_thread_does_nothing() {
        for threads in [1, 2, 3, 7] {
            let pool = Pool::new(threads);
            for count in [0, 1, 2, 3, 10, 100, 1001] {
                for lazy in 0..threads {
                    let seen: Vec<AtomicUsize> = (0..count).map(|_| AtomicUsize::new(0)).collect();
                    parallel_ranges(&pool, count, &|range, thread| {
                        if thread == lazy {
                            std::thread::yield_now();
                        }
                        range.for_each(|i| {
                            seen[i].fetch_add(1, Ordering::Relaxed);
                        });
                    });
                    assert!(seen.iter().all(|times| times.load(Ordering::Relaxed) == 1), "{threads} {count}");
                }
            }
        }
    }
}
