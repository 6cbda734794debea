//! Threads that stay together for the length of a program.
//!
//! A forward pass hands out some hundred jobs of 10 to 500 microseconds each; waking a sleeping thread costs as much as
//! the smaller ones. So a worker that has finished spins for a while, and only then sleeps:
//!
//! ```text
//! run:     job, pending = n - 1, epoch += 1, wake sleepers; job(0); wait for pending = 0
//! worker:  wait for a new epoch (spin, then sleep); job(i); pending -= 1
//! ```
//!
//! While it spins, a worker brings what it will read next into its cache, a line at a time: between two jobs that wait
//! for memory lies work of the caller alone, in which memory would have nothing to do.

mod prefetch_queue;

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

use crate::ops::Team;

use crate::cache_padded::CachePadded;
use prefetch_queue::PrefetchQueue;

/// Turns of the waiting loop before a worker sleeps: some 50 to 200 microseconds.
const SPINS: u32 = 4_000;

/// Turns of the waiting loop before the caller offers its processor to others at each turn.
const SPINS_BEFORE_YIELD: u32 = 2_000;

/// Lines that the caller prefetches after a run, without waiting for any.
const LINES_AT_ONCE: usize = 32;

/// Below so many multiply-adds a second thread costs more than it saves: it takes some microseconds until it has begun and
/// until each core has what the other one made. Measured on Zen 5, with attention of one token.
const MIN_PARALLEL_WORK: usize = 160 * 1024;

/// Most threads that a pool takes.
pub const MAX_THREADS: usize = 1024;

/// A team of threads: the calling one and `threads - 1` of its own.
pub struct Pool {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
    /// Held for the length of a run, so that two callers never share the job slot.
    turn: Mutex<()>,
}

struct Shared {
    call: CachePadded<Call>,
    /// Workers that have not done the job yet.
    pending: CachePadded<AtomicUsize>,
    sleeping: Mutex<usize>,
    wake: Condvar,
    panic: Mutex<Option<Box<dyn std::any::Any + Send>>>,
    /// Cache lines that each thread prefetches while it waits.
    prefetch_queues: Vec<PrefetchQueue>,
}

/// Watched by waiting workers: the number of runs so far, with the job of the last one, which so comes along. No job:
/// there will be none any more.
struct Call {
    epoch: AtomicUsize,
    job: UnsafeCell<Option<Job>>,
}

// SAFETY: `job` is written by the one thread in `Pool::run` that holds the turn, while `pending` is 0, before it raises
// `epoch`. Workers read it after they have seen that and before they count `pending` down, so never while it is written.
unsafe impl Sync for Call {}

/// A borrowed job; [`Pool::run`] does not return before every worker has let go of it.
#[derive(Clone, Copy)]
struct Job(*const (dyn Fn(usize) + Sync + 'static));

// SAFETY: the pointee is `Sync`, and `Pool::run` keeps it alive while any worker may hold the pointer.
unsafe impl Send for Job {}

impl Pool {
    /// A pool of `threads` threads in all, from 1 to [`MAX_THREADS`] (other numbers are moved to the nearer end). If
    /// the system refuses some of them, the pool has fewer.
    pub fn new(threads: usize) -> Pool {
        let threads = threads.clamp(1, MAX_THREADS);
        let shared = Arc::new(Shared {
            call: CachePadded(Call { epoch: AtomicUsize::new(0), job: UnsafeCell::new(None) }),
            pending: CachePadded(AtomicUsize::new(0)),
            sleeping: Mutex::new(0),
            wake: Condvar::new(),
            panic: Mutex::new(None),
            prefetch_queues: (0..threads).map(|_| PrefetchQueue::default()).collect(),
        });
        let workers = (1..threads)
            .map_while(|index| {
                let shared = Arc::clone(&shared);
                let name = format!("hefu-{index}");
                std::thread::Builder::new().name(name).spawn(move || shared.work(index)).ok()
            })
            .collect();
        Pool { shared, workers, turn: Mutex::new(()) }
    }
}

impl Team for Pool {
    fn threads(&self) -> usize {
        self.workers.len() + 1
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        if self.workers.is_empty() {
            return job(0);
        }
        let turn = self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let shared = &*self.shared;
        // SAFETY: only the lifetime changes; this function returns (or unwinds) after `pending` has reached 0, when no
        // worker touches the job any more.
        let erased =
            unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), *const (dyn Fn(usize) + Sync)>(job) };
        shared.pending.store(self.workers.len(), Ordering::Relaxed);
        // SAFETY: this thread holds the turn and the last run has ended, so that no worker reads the job now.
        unsafe { *shared.call.job.get() = Some(Job(erased)) };
        shared.call.epoch.fetch_add(1, Ordering::SeqCst);
        if *lock(&shared.sleeping) > 0 {
            shared.wake.notify_all();
        }
        let mine = catch_unwind(AssertUnwindSafe(|| job(0)));
        let mut turns = 0u32;
        while shared.pending.load(Ordering::Acquire) != 0 {
            turns = turns.saturating_add(1);
            if turns >= SPINS_BEFORE_YIELD {
                std::thread::yield_now();
            } else if !shared.prefetch_queues[0].fetch() {
                std::hint::spin_loop();
            }
        }
        // While the caller does what it does alone, these arrive: as many as wait for memory at once.
        (0..LINES_AT_ONCE).for_each(|_| {
            shared.prefetch_queues[0].fetch();
        });
        let theirs = lock(&shared.panic).take();
        drop(turn);
        if let Err(panic) = mine {
            resume_unwind(panic);
        }
        if let Some(panic) = theirs {
            resume_unwind(panic);
        }
    }

    fn prefetch(&self, thread: usize, bytes: &[u8]) {
        if let Some(queue) = self.shared.prefetch_queues.get(thread) {
            queue.set(bytes);
        }
    }

    fn worth_parallel(&self, multiply_adds: usize) -> bool {
        multiply_adds >= MIN_PARALLEL_WORK
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // SAFETY: as in `run`: nobody else has the pool now, so that no run is under way.
        unsafe { *self.shared.call.job.get() = None };
        self.shared.call.epoch.fetch_add(1, Ordering::SeqCst);
        drop(lock(&self.shared.sleeping));
        self.shared.wake.notify_all();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn work(&self, index: usize) {
        let mut seen = 0;
        loop {
            seen = self.wait_for_change(seen, index);
            // SAFETY: the epoch was raised for a run that has not ended, as this worker has not counted `pending` down, or for
            // the last time.
            let Some(Job(job)) = (unsafe { *self.call.job.get() }) else { return };
            // SAFETY: `Pool::run` keeps the job alive until `pending` has been counted down below.
            let job = unsafe { &*job };
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| job(index))) {
                *lock(&self.panic) = Some(panic);
            }
            self.pending.fetch_sub(1, Ordering::Release);
        }
    }

    /// Lets thread `index` wait until the epoch is another than `seen`; returns it.
    fn wait_for_change(&self, seen: usize, index: usize) -> usize {
        for _ in 0..SPINS {
            let epoch = self.call.epoch.load(Ordering::SeqCst);
            if epoch != seen {
                return epoch;
            }
            if !self.prefetch_queues[index].fetch() {
                std::hint::spin_loop();
            }
        }
        let mut sleeping = lock(&self.sleeping);
        *sleeping += 1;
        loop {
            // The caller raises the epoch before it looks at `sleeping`, so one of the two sees the other.
            let epoch = self.call.epoch.load(Ordering::SeqCst);
            if epoch != seen {
                *sleeping -= 1;
                return epoch;
            }
            sleeping = self.wake.wait(sleeping).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thread_runs_every_job_once() {
        for threads in [0, 1, 2, 5] {
            let pool = Pool::new(threads);
            let counts: Vec<AtomicUsize> = (0..pool.threads()).map(|_| AtomicUsize::new(0)).collect();
            for round in 0..200 {
                if round % 50 == 0 {
                    std::thread::sleep(std::time::Duration::from_millis(3));
                }
                pool.run(&|index| {
                    counts[index].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(counts.iter().all(|count| count.load(Ordering::Relaxed) == 200));
        }
    }

    #[test]
    fn a_panic_in_a_worker_reaches_the_caller_and_the_pool_lives_on() {
        let pool = Pool::new(3);
        let run = || pool.run(&|index| assert_ne!(index, 2, "on purpose"));
        assert!(catch_unwind(AssertUnwindSafe(run)).is_err());
        pool.run(&|_| {});
    }
}
