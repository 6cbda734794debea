//! How many guesses pay: acceptance and cost as measured in this run.
//!
//! Of guesses that are accepted with probability `a` each, `k` bring `1 + a + … + a^k` tokens for the cost of one
//! forward pass over `k + 1` tokens (Y. Leviathan et al., "Fast inference from transformers via speculative decoding",
//! ICML 2023). The number with the most tokens per second is taken. Both are running estimates; the caller tells times,
//! as this crate has no clock, and nothing here can change a token.

use super::{Evidence, KINDS};

/// Most guesses per forward pass.
pub const MAX_GUESSES: usize = 64;

/// How much of an estimate of acceptance is kept from guess to guess.
const ACCEPTANCE_KEPT: f64 = 0.95;
/// How much of an estimate of cost is kept from step to step, where the new one is higher and where it is lower: what
/// disturbs a step makes it slower and never faster.
const COST_KEPT: (f64, f64) = (0.9, 0.5);
/// The cost of a further token in a pass, in single steps, until it is measured.
const EXPECTED_COST: f64 = 0.25;
/// Costs outside this range, in single steps, are disturbances.
const COSTS: std::ops::RangeInclusive<f64> = 0.0..=4.0;
/// What guesses must at least be expected to bring, as a factor on speed.
const WORTHWHILE: f64 = 1.05;
/// Opportunities left alone before a few guesses are tried again, to begin with and at most.
const TRY_AGAIN: (usize, usize) = (16, 256);
/// How many guesses are tried then.
const TRIED: usize = 3;
/// Where guesses are compared without being computed, they are tried again only at this acceptance.
const PROMISING: f64 = 0.3;

/// Decides how many guesses are computed, and counts them.
#[derive(Debug, Clone)]
pub struct Gauge {
    most: usize,
    /// Always `most`, whether it pays or not.
    always: bool,
    acceptance: [Acceptance; KINDS],
    /// Seconds of a step without guesses.
    single: Option<f64>,
    /// Cost of so many guesses in single steps, where it was measured.
    extra: Vec<Option<f64>>,
    /// Opportunities left alone since the last try, and how many are to be.
    left_alone: usize,
    patience: usize,
    drafted: usize,
    accepted: usize,
}

/// Guesses that were compared and those that were right, the older ones counting less.
#[derive(Debug, Clone, Copy)]
struct Acceptance {
    compared: f64,
    right: f64,
}

impl Gauge {
    /// At most `most` guesses at a time, as many as pay; [`MAX_GUESSES`] is the limit.
    pub fn measuring(most: usize) -> Self {
        let most = most.min(MAX_GUESSES);
        Self {
            most,
            always: false,
            // An open mind that a few guesses make up.
            acceptance: [Acceptance { compared: 2.0, right: 1.0 }; KINDS],
            single: None,
            extra: vec![None; most + 1],
            left_alone: 0,
            patience: TRY_AGAIN.0,
            drafted: 0,
            accepted: 0,
        }
    }

    /// Always `most` guesses, whether they pay or not.
    pub fn always(most: usize) -> Self {
        Self { always: true, ..Self::measuring(most) }
    }

    /// Most guesses at a time.
    pub fn most(&self) -> usize {
        self.most
    }

    /// Guesses that were computed.
    pub fn drafted(&self) -> usize {
        self.drafted
    }

    /// Those of them that were right.
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// Counts and estimates from zero, as at the start.
    pub fn reset_counts(&mut self) {
        (self.drafted, self.accepted) = (0, 0);
    }

    /// How many of `found` guesses are to be computed.
    pub(crate) fn worthwhile(&mut self, evidence: Evidence, found: usize) -> usize {
        let found = found.min(self.most);
        if self.always || found == 0 {
            return found;
        }
        let best = self.best(evidence, found);
        if best > 0 {
            self.patience = TRY_AGAIN.0;
            self.left_alone = 0;
            return best;
        }
        self.left_alone += 1;
        let compared_anyway = self.acceptance(evidence) < PROMISING && self.left_alone < TRY_AGAIN.1;
        if self.left_alone < self.patience || compared_anyway {
            return 0;
        }
        // Times change, and so may the text: what was measured is taken with less weight by trying.
        self.left_alone = 0;
        self.patience = (self.patience * 2).min(TRY_AGAIN.1);
        found.min(TRIED)
    }

    /// A guess was compared with what was chosen.
    pub(crate) fn learn(&mut self, evidence: Evidence, is_right: bool) {
        if let Some(acceptance) = self.acceptance.get_mut(evidence.kind()) {
            acceptance.compared = acceptance.compared * ACCEPTANCE_KEPT + 1.0;
            acceptance.right = acceptance.right * ACCEPTANCE_KEPT + f64::from(u8::from(is_right));
        }
    }

    /// A step with so many guesses took so many seconds.
    pub(crate) fn took(&mut self, guesses: usize, seconds: f64) {
        let blend = |old: Option<f64>, new: f64| {
            let kept = old.map_or(0.0, |old| if new > old { COST_KEPT.0 } else { COST_KEPT.1 });
            old.unwrap_or(0.0) * kept + new * (1.0 - kept)
        };
        if !seconds.is_finite() || seconds <= 0.0 {
            return;
        }
        if guesses == 0 {
            self.single = Some(blend(self.single, seconds));
        } else if let (Some(single), Some(extra)) = (self.single, self.extra.get_mut(guesses)) {
            let per_guess = (seconds / single - 1.0) / guesses as f64;
            *extra = Some(blend(*extra, per_guess.clamp(*COSTS.start(), *COSTS.end()) * guesses as f64));
        }
    }

    pub(crate) fn count_drafted(&mut self, guesses: usize) {
        self.drafted += guesses;
    }

    pub(crate) fn count_accepted(&mut self) {
        self.accepted += 1;
    }

    fn acceptance(&self, evidence: Evidence) -> f64 {
        self.acceptance.get(evidence.kind()).map_or(0.0, |acceptance| acceptance.right / acceptance.compared)
    }

    /// The number of guesses with the most tokens per second; 0 if none is worth it.
    fn best(&self, evidence: Evidence, found: usize) -> usize {
        let acceptance = self.acceptance(evidence);
        let (mut best, mut best_speed) = (0, WORTHWHILE);
        let (mut tokens, mut all_right) = (1.0, 1.0);
        for guesses in 1..=found {
            all_right *= acceptance;
            tokens += all_right;
            let speed = tokens / (1.0 + self.cost(guesses));
            if speed > best_speed {
                (best, best_speed) = (guesses, speed);
            }
        }
        best
    }

    /// What so many guesses cost beside a single step; by the nearest number that was measured if this was not.
    fn cost(&self, guesses: usize) -> f64 {
        let measured = |count: &usize| self.extra.get(*count).copied().flatten().map(|cost| (*count, cost));
        let below = (1..=guesses).rev().find_map(|count| measured(&count));
        let above = (guesses..=self.most).find_map(|count| measured(&count));
        match (below, above) {
            (Some((_, cost)), _) if measured(&guesses).is_some() => cost,
            (Some((low, a)), Some((high, b))) => a + (b - a) * (guesses - low) as f64 / (high - low) as f64,
            (Some((count, cost)), None) | (None, Some((count, cost))) => cost * guesses as f64 / count as f64,
            (None, None) => EXPECTED_COST * guesses as f64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decisions of the last of many opportunities at this acceptance (in tenths) and cost per guess.
    fn settled(right: usize, cost: f64) -> Vec<usize> {
        let mut gauge = Gauge::measuring(8);
        gauge.took(0, 1.0);
        let decide = |round: usize| {
            let count = gauge.worthwhile(Evidence::default(), 8);
            gauge.took(count, 1.0 + cost * count as f64);
            gauge.learn(Evidence::default(), round * 7 % 10 < right);
            count
        };
        let all: Vec<usize> = (0..600).map(decide).collect();
        all[300..].to_vec()
    }

    #[test]
    fn it_goes_on_where_it_pays_and_stops_where_it_does_not() {
        assert!(settled(10, 0.2).iter().all(|&count| count == 8));
        let some = settled(6, 0.2);
        assert!(some.iter().all(|count| (1..8).contains(count)), "{some:?}");
        let none = settled(2, 0.5);
        assert!(none.iter().filter(|&&count| count > 0).count() <= 3, "{none:?}");
        let dear = settled(9, 1.5);
        assert!(dear.iter().filter(|&&count| count > 0).count() <= 3, "{dear:?}");
    }

    #[test]
    fn kinds_of_evidence_are_judged_apart() {
        let mut gauge = Gauge::measuring(4);
        (0..50).for_each(|_| gauge.learn(Evidence::new(1), false));
        assert_eq!(gauge.worthwhile(Evidence::new(1), 4), 0);
        assert!(gauge.worthwhile(Evidence::new(0), 4) > 0);
    }

    #[test]
    fn always_is_always_and_limits_hold() {
        let mut gauge = Gauge::always(1000);
        (0..50).for_each(|_| gauge.learn(Evidence::default(), false));
        assert_eq!(gauge.worthwhile(Evidence::default(), 1000), MAX_GUESSES);
        assert_eq!(gauge.worthwhile(Evidence::default(), 2), 2);
        assert_eq!(Gauge::measuring(0).worthwhile(Evidence::default(), 5), 0);
        gauge.took(3, f64::NAN);
        gauge.took(0, 0.0);
        assert_eq!(gauge.single, None);
    }

    #[test]
    fn costs_between_measured_numbers_lie_between() {
        let mut gauge = Gauge::measuring(8);
        assert_eq!(gauge.cost(2), 2.0 * EXPECTED_COST);
        gauge.took(0, 1.0);
        gauge.took(2, 2.0);
        gauge.took(6, 4.0);
        assert_eq!((gauge.cost(2), gauge.cost(4), gauge.cost(8)), (1.0, 2.0, 4.0));
    }
}
