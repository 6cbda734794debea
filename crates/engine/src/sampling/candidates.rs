//! The tokens still in the running, in the contract's order, sorted only as far as someone looks (clause S6).
//!
//! A candidate is one 64-bit key: the complement of the logit's bits, arranged so that they order as numbers do, above
//! the token id. Ascending keys are then (logit descending, id ascending), all keys are different, and so every way of
//! sorting or selecting gives the same result.

use super::arithmetic::weight;

/// Least number of keys that are put in order, each time that more are needed.
const SORTED_AT_LEAST: usize = 256;
/// The part in order grows by this factor, so that a walk to the end costs one full sort and a little.
const GROWTH: usize = 8;
/// Logits that are looked at together while the best are selected: a group with none good enough is skipped.
const GROUP: usize = 32;

/// Candidates; the ones before `first` are removed, the ones from there up to `sorted` are in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Candidates {
    keys: Vec<u64>,
    first: usize,
    sorted: usize,
}

impl Candidates {
    /// Takes every token whose logit is not minus infinity.
    pub(super) fn fill(&mut self, logits: &[f32]) {
        self.clear();
        let tokens = (0_u32..).zip(logits).filter(|(_, logit)| **logit > f32::NEG_INFINITY);
        self.keys.extend(tokens.map(|(id, &logit)| key(logit, id)));
    }

    /// Takes the first `count` of the tokens that [`fill`](Self::fill) would take, in one pass over the logits.
    pub(super) fn fill_first(&mut self, logits: &[f32], count: usize) {
        self.clear();
        if count == 0 {
            return;
        }
        if count >= logits.len() / 4 {
            self.fill(logits);
            self.truncate(count);
            return;
        }
        // Keys gather in a buffer; when it is full, all but the best `count` go, and the worst of those is the bar that
        // later tokens must pass. An equal logit with a higher id does not pass: ids ascend.
        let room = (4 * count).max(SORTED_AT_LEAST);
        let mut bar = f32::NEG_INFINITY;
        for (group, start) in logits.chunks(GROUP).zip((0_u32..).step_by(GROUP)) {
            if !group.iter().fold(false, |any, &logit| any | (logit > bar)) {
                continue;
            }
            for (&logit, id) in group.iter().zip(start..) {
                if logit > bar {
                    self.keys.push(key(logit, id));
                }
            }
            if self.keys.len() >= room {
                let (_, &mut worst, _) = self.keys.select_nth_unstable(count - 1);
                self.keys.truncate(count);
                bar = logit_of(worst);
            }
        }
        self.truncate(count);
    }

    /// Number of candidates.
    pub(super) fn len(&self) -> usize {
        self.keys.len().saturating_sub(self.first)
    }

    /// The candidate at `rank`, 0 being the best: (logit, token id).
    pub(super) fn get(&mut self, rank: usize) -> Option<(f32, u32)> {
        let at = self.first.checked_add(rank)?;
        if at >= self.sorted {
            self.sort_up_to(at + 1);
        }
        self.keys.get(at).map(|&key| (logit_of(key), key as u32))
    }

    /// Keeps the first `count`.
    pub(super) fn truncate(&mut self, count: usize) {
        let end = self.first.saturating_add(count);
        if end < self.keys.len() {
            if end > self.sorted {
                self.sort_up_to(end);
            }
            self.keys.truncate(end);
            self.sorted = self.sorted.min(end);
        }
    }

    /// Removes the first `count`.
    pub(super) fn remove_first(&mut self, count: usize) {
        let end = self.first.saturating_add(count).min(self.keys.len());
        if end > self.sorted {
            self.sort_up_to(end);
        }
        self.first = end;
    }

    /// Keeps the candidates at the given ranks, which ascend.
    pub(super) fn keep(&mut self, ranks: &[usize]) {
        self.sort_up_to(self.keys.len());
        let keys = ranks.iter().filter_map(|rank| self.keys.get(self.first + rank).copied());
        self.keys = keys.collect();
        (self.first, self.sorted) = (0, self.keys.len());
    }

    /// The sum of all weights at `temperature` (clause S4), `best` being the logit of rank 0. Exact in any order.
    pub(super) fn total_weight(&self, best: f32, temperature: f32) -> u64 {
        let keys = self.keys.get(self.first..).unwrap_or(&[]);
        keys.iter().map(|&key| weight((logit_of(key) - best) / temperature)).sum()
    }

    fn clear(&mut self) {
        self.keys.clear();
        (self.first, self.sorted) = (0, 0);
    }

    /// Puts at least the first `end` keys in order.
    fn sort_up_to(&mut self, end: usize) {
        let ahead = (self.sorted * GROWTH).max(SORTED_AT_LEAST);
        let end = end.max(ahead).min(self.keys.len());
        let Some(rest) = self.keys.get_mut(self.sorted..) else {
            return;
        };
        let count = end.saturating_sub(self.sorted);
        if count > 0 && count < rest.len() {
            rest.select_nth_unstable(count - 1);
        }
        if let Some(part) = rest.get_mut(..count) {
            part.sort_unstable();
        }
        self.sorted = self.sorted.max(end);
    }
}

fn key(logit: f32, id: u32) -> u64 {
    // Adding zero makes -0 into +0: the two are equal as numbers, so the id must decide.
    let bits = (logit + 0.0).to_bits();
    let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(!ascending) << 32 | u64::from(id)
}

fn logit_of(key: u64) -> f32 {
    let ascending = !((key >> 32) as u32);
    f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sorted(logits: &[f32]) -> Vec<(f32, u32)> {
        let tokens = (0_u32..).zip(logits).filter(|(_, logit)| **logit > f32::NEG_INFINITY);
        let mut all: Vec<_> = tokens.map(|(id, &logit)| (logit, id)).collect();
        all.sort_by(|a, b| b.0.partial_cmp(&a.0).unwrap().then(a.1.cmp(&b.1)));
        all
    }

    fn logit() -> impl Strategy<Value = f32> {
        prop_oneof![
            (-20_i8..20).prop_map(f32::from),
            -1.0_f32..1.0,
            Just(-0.0),
            Just(f32::MAX),
            Just(f32::MIN),
            Just(f32::NEG_INFINITY),
        ]
    }

    proptest! {
        #[test]
        fn order_equals_a_full_sort(
            logits in prop::collection::vec(logit(), 0..1500),
            count in 0_usize..400,
            removed in 0_usize..400,
        ) {
            let expected = sorted(&logits);
            let read = |candidates: &mut Candidates| -> Vec<_> {
                (0..candidates.len()).filter_map(|rank| candidates.get(rank)).collect()
            };
            let mut candidates = Candidates::default();
            candidates.fill(&logits);
            prop_assert_eq!(&read(&mut candidates), &expected);

            candidates.fill_first(&logits, count);
            let first = &expected[..count.min(expected.len())];
            prop_assert_eq!(&read(&mut candidates), first);

            candidates.fill(&logits);
            candidates.remove_first(removed);
            candidates.truncate(count);
            let rest: Vec<_> = expected.iter().skip(removed).take(count).copied().collect();
            prop_assert_eq!(&read(&mut candidates), &rest);
        }
    }
}
