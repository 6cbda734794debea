//! Rate limit: actions in the current minute.

use std::collections::HashMap;
use std::hash::Hash;

/// The length of a window, in seconds.
const MINUTE: u64 = 60;

/// Counts of the current minute.
#[derive(Debug)]
pub(crate) struct Pace<K> {
    most: u32,
    room: usize,
    counts: HashMap<K, (u64, u32)>,
}

impl<K: Hash + Eq> Pace<K> {
    /// So many in a minute, of at most `room` keys that are remembered.
    pub(crate) fn new(most: u32, room: usize) -> Self {
        Self { most, room, counts: HashMap::new() }
    }

    /// True if another one may be.
    pub(crate) fn may(&self, key: &K, now: u64) -> bool {
        self.counts.get(key).is_none_or(|(minute, count)| *minute != now / MINUTE || *count < self.most)
    }

    /// Counts one.
    pub(crate) fn note(&mut self, key: K, now: u64) {
        let minute = now / MINUTE;
        if self.counts.len() >= self.room {
            self.counts.retain(|_, (of, _)| *of == minute);
            if self.counts.len() >= self.room {
                self.counts.clear();
            }
        }
        let (of, count) = self.counts.entry(key).or_insert((minute, 0));
        if *of != minute {
            (*of, *count) = (minute, 0);
        }
        *count += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_in_a_minute_of_each_and_no_more_keys_than_there_is_room_for() {
        let mut pace = Pace::new(2, 8);
        for _ in 0..2 {
            assert!(pace.may(&1, 0));
            pace.note(1, 0);
        }
        assert!(!pace.may(&1, 59) && pace.may(&2, 59) && pace.may(&1, 60));
        for key in 0..1000 {
            pace.note(key, 60);
            assert!(pace.counts.len() <= 8);
        }
    }
}
