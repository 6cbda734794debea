//! The cache lines that a waiting thread prefetches.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::cache_padded::CachePadded;

/// Bytes of a cache line.
const LINE: u64 = 64;

/// Bits for the number of lines; the others hold the address of the first, in lines. Current processors use at most 48
/// bits of an address unless they are asked for more.
const COUNT_BITS: u32 = 20;

/// Lines that are still to be fetched. In one number, so that whoever sets it never meets whoever takes from it halfway.
/// The waiting thread writes it often.
#[derive(Debug, Default)]
pub(super) struct PrefetchQueue(CachePadded<AtomicU64>);

impl PrefetchQueue {
    /// Replaces what is to be fetched. An address that is too large is left out: it is only a hint.
    pub(super) fn set(&self, bytes: &[u8]) {
        let first = bytes.as_ptr() as u64 / LINE;
        let count = (bytes.len() as u64).div_ceil(LINE).min((1 << COUNT_BITS) - 1);
        let packed = first.checked_shl(COUNT_BITS).filter(|packed| packed >> COUNT_BITS == first);
        self.0.store(packed.map_or(0, |packed| packed | count), Ordering::Relaxed);
    }

    /// Asks for the next line; `false` if none is left.
    pub(super) fn fetch(&self) -> bool {
        self.take().inspect(|&address| prefetch(address)).is_some()
    }

    /// The address of the next line.
    fn take(&self) -> Option<u64> {
        let now = self.0.load(Ordering::Relaxed);
        let (first, count) = (now >> COUNT_BITS, now & ((1 << COUNT_BITS) - 1));
        let left = (first + 1) << COUNT_BITS | count.checked_sub(1)?;
        // Where it was set anew meanwhile, that stays.
        let _ = self.0.compare_exchange(now, left, Ordering::Relaxed, Ordering::Relaxed);
        Some(first * LINE)
    }
}

/// Prefetches a line into L2.
#[cfg(target_arch = "x86_64")]
fn prefetch(address: u64) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: a hint, which never faults; every x86-64 machine has it.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::without_provenance(address as usize)) }
}

#[cfg(not(target_arch = "x86_64"))]
fn prefetch(_: u64) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_taken_once() {
        let queue = PrefetchQueue::default();
        assert!(!queue.fetch());
        let bytes = vec![0_u8; 1000];
        queue.set(&bytes);
        let taken: Vec<u64> = std::iter::from_fn(|| queue.take()).collect();
        let first = bytes.as_ptr() as u64 / LINE * LINE;
        assert_eq!(taken, (0..16).map(|line| first + line * LINE).collect::<Vec<_>>());
        queue.set(&bytes);
        assert!(queue.fetch());
        queue.set(&bytes[..64]);
        assert!(queue.fetch() && !queue.fetch(), "what is set last counts");
        queue.set(&[]);
        assert!(!queue.fetch());
    }
}
