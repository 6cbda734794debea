//! Timeout for clients that read slowly.

use crate::limits::SLOWEST_READER;
use std::time::Duration;

/// The time that is left to a client, and the most that it ever has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(super) left: Duration,
    most: Duration,
}

impl Patience {
    /// All of it.
    pub(crate) fn new(most: Duration) -> Self {
        Self { left: most, most }
    }

    /// So many bytes were taken, after a while: the while is used up, and each second's worth of bytes gives a second back.
    pub(super) fn record_time(&mut self, bytes: usize, waited: Duration) {
        let earned = Duration::from_secs_f64(bytes as f64 / SLOWEST_READER as f64);
        self.left = self.left.saturating_sub(waited).saturating_add(earned).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_too_few_bytes_in_each_second_runs_out_of_it() {
        let second = Duration::from_secs(1);
        let mut enough = Patience::new(60 * second);
        let mut trickle = enough;
        for _ in 0..10_000 {
            enough.record_time(SLOWEST_READER * 50, 50 * second);
            trickle.record_time(SLOWEST_READER, 50 * second);
        }
        assert!(enough.left > 50 * second);
        assert!(trickle.left < 2 * second);
        // Reading fast for a while buys no more than the whole limit.
        enough.record_time(usize::MAX >> 40, Duration::ZERO);
        assert_eq!(enough.left, 60 * second);
    }
}
