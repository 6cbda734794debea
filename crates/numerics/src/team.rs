//! Threads, as far as a device's operations know of them.

/// Threads that work together. Implemented by whoever owns threads; [`Alone`] is the calling thread by itself.
pub trait Team: Sync {
    /// Number of threads that take part, at least 1.
    fn threads(&self) -> usize;

    /// Calls `job(i)` once for every `i` below [`Team::threads`], at the same time, and returns when all are done.
    fn run(&self, job: &(dyn Fn(usize) + Sync));

    /// A hint that thread `thread` reads `bytes` first in some later job: while it waits, it may prefetch them. Only time
    /// depends on it.
    fn prefetch(&self, thread: usize, bytes: &[u8]) {
        let _ = (thread, bytes);
    }

    /// True if work of so many multiply-adds is done sooner by several threads than by the calling one alone. Nothing but
    /// time depends on it.
    fn worth_parallel(&self, multiply_adds: usize) -> bool {
        let _ = multiply_adds;
        true
    }
}

/// The calling thread by itself.
pub struct Alone;

impl Team for Alone {
    fn threads(&self) -> usize {
        1
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        job(0);
    }
}
