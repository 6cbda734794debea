//! Deals work to threads: which outputs are whose. Knows shapes and memory, no instructions.

pub mod attention;
pub mod elementwise;
pub mod linear;

use std::sync::atomic::{AtomicUsize, Ordering};

use hefu_numerics::ops::Team;

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

    /// The pointer, moved by `count` elements.
    ///
    /// # Safety
    /// As [`pointer::add`].
    pub(crate) unsafe fn at(&self, count: usize) -> *mut T {
        // SAFETY: the caller's duty.
        unsafe { self.0.add(count) }
    }
}

/// Calls `work(i, thread)` once for every `i` below `count`; threads take the next one as they become free, so that a
/// slower one holds nobody up.
pub(crate) fn deal(team: &dyn Team, count: usize, work: &(dyn Fn(usize, usize) + Sync)) {
    if count <= 1 || team.threads() == 1 {
        (0..count).for_each(|i| work(i, 0));
        return;
    }
    let next = AtomicUsize::new(0);
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
