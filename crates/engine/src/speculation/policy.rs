//! Number of speculated tokens: acceptance and cost as measured in this run, for all answers of a pass together.
//!
//! Of guesses that are accepted with probability `a` each, the `k`-th brings `a^k` tokens, and `k` of them
//! `1 + a + … + a^k` for the cost of one forward pass over `k + 1` tokens (Y. Leviathan et al., "Fast inference from
//! transformers via speculative decoding", ICML 2023). In a batch, the guesses that bring most come first, whichever
//! answer they belong to, and the number with the most tokens per second is taken. The fuller the batch, the less
//! arithmetic is free, and the fewer guesses are worth it. The caller tells times, as this crate has no clock, and
//! nothing here can change a token.

use super::evidence::{Evidence, KINDS};
use super::guesses::Acceptance;
use super::{EarlierAnswers, Guesses};
use crate::scheduler::memory::Domain;

/// Most guesses at a time for one answer.
pub const MAX_GUESSES: usize = 64;

/// Passes of more tokens have no guesses, unless they are always made.
const MOST_TOKENS: usize = 64;
/// Share of an estimate of cost that is kept from pass to pass, where the new one is higher and where it is lower: what
/// disturbs a pass makes it slower and never faster.
const COST_KEPT: (f64, f64) = (0.9, 0.5);
/// The cost of a further token, as a share of that of each token so far, until it is measured: after one token, and
/// after several.
const EXPECTED_COST: (f64, f64) = (0.25, 0.5);
/// Least gain that guesses must be expected to bring, as a factor on speed.
const MIN_SPEEDUP: f64 = 1.05;
/// Passes left alone before a few guesses are tried again, to begin with and at most.
const TRY_AGAIN: (usize, usize) = (16, 256);
/// Number of guesses that are tried then.
const TRIED: usize = 3;
/// Where guesses are compared without being computed, they are tried again only at this acceptance.
const PROMISING: f64 = 0.3;
/// One pass in so many is made without guesses, so that what that costs stays known.
const PLAIN_AGAIN: usize = 128;

/// Decides how many guesses are computed.
#[derive(Debug, Clone)]
pub struct SpeculationPolicy {
    most: usize,
    /// Always `most`, whether it pays or not.
    always: bool,
    /// Of all sequences.
    acceptance: [Acceptance; KINDS],
    /// Seconds of a pass of so many tokens: without guesses, and with guesses that cost something themselves.
    seconds: [Curve; 2],
    /// Passes left alone since the last try, and how many are to be.
    left_alone: usize,
    patience: usize,
    /// Passes with guesses since the last without.
    since_plain: usize,
    /// Tokens of the last pass, and the curve that its time belongs to.
    last: Option<(usize, usize)>,
}

/// Guesses that one answer could have computed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer {
    /// The probability that a guess is right.
    pub(crate) acceptance: f64,
    /// Number of guesses.
    pub(crate) found: usize,
}

impl Offer {
    /// Number of tokens that its guesses bring if all are computed: each counts only where all before it were right.
    fn expected_tokens(self) -> f64 {
        (0..self.found).fold((0.0, 1.0), |(sum, right), _| (sum + right * self.acceptance, right * self.acceptance)).0
    }
}

impl SpeculationPolicy {
    /// At most `most` guesses at a time for an answer, as many as pay; [`MAX_GUESSES`] is the limit.
    pub fn measuring(most: usize) -> Self {
        Self {
            most: most.min(MAX_GUESSES),
            always: false,
            acceptance: [Acceptance::open(); KINDS],
            seconds: [Curve::default(), Curve::default()],
            left_alone: 0,
            patience: TRY_AGAIN.0,
            since_plain: 0,
            last: None,
        }
    }

    /// Always `most` guesses, whether they pay or not.
    pub fn always(most: usize) -> Self {
        Self { always: true, ..Self::measuring(most) }
    }

    /// Most guesses at a time.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Offer of a sequence's guesses.
    pub(crate) fn offer(&self, guesses: &Guesses, evidence: Evidence, found: usize) -> Offer {
        let kind = evidence.kind();
        let common = self.acceptance.get(kind).map_or(0.0, |all| all.rate());
        let acceptance = guesses.acceptance.get(kind).map_or(common, |own| own.given(common));
        Offer { acceptance, found: found.min(self.most) }
    }

    /// Has a sequence propose what followed before in its own text or in an earlier answer, whichever is expected to bring more.
    pub(crate) fn look_up(
        &self,
        guesses: &mut Guesses,
        text: &[u32],
        most: usize,
        (earlier, domain): (&EarlierAnswers, Domain),
    ) {
        let mut others = Vec::new();
        guesses.proposed.clear();
        let own = guesses.lookup.draft(text, most, &mut guesses.proposed).map(Evidence::own);
        guesses.evidence = own.unwrap_or_default();
        let others_evidence = earlier.draft(domain, text, most, &mut others).map(Evidence::earlier);
        let tokens = |some: Evidence, found| self.offer(guesses, some, found).expected_tokens();
        let expected = |some: Option<Evidence>, found| some.map_or(0.0, |some| tokens(some, found));
        if expected(others_evidence, others.len()) > expected(own, guesses.proposed.len()) {
            (guesses.proposed, guesses.evidence) = (others, others_evidence.unwrap_or_default());
        }
    }

    /// Number of guesses of each offer to compute in a pass that has `tokens` tokens without them and gives a token
    /// to each of `answers` answers: a slower pass delays all of them, also those without an offer. `costs` says whether
    /// making guesses costs something, so that they are not there to be compared otherwise.
    pub(crate) fn choose(&mut self, tokens: usize, answers: usize, offers: &[Offer], costs: bool) -> Vec<usize> {
        if self.always {
            return offers.iter().map(|offer| offer.found).collect();
        }
        let none = vec![0; offers.len()];
        let gains = gains(offers, MOST_TOKENS.saturating_sub(tokens));
        // Without a measure of what it costs to leave guesses alone, nothing can be said.
        if gains.is_empty() || self.seconds[0].at(tokens).is_none() {
            return none;
        }
        let count = self.best(tokens, answers, &gains, usize::from(costs));
        let count = if count > 0 { self.go_on(count) } else { self.try_again(&gains, costs) };
        let mut chosen = none;
        for (_, offer) in gains.iter().take(count) {
            if let Some(chosen) = chosen.get_mut(*offer) {
                *chosen += 1;
            }
        }
        chosen
    }

    /// The number of guesses, the best first, with the most tokens per second; 0 if none is worth it.
    fn best(&self, tokens: usize, answers: usize, gains: &[(f64, usize)], curve: usize) -> usize {
        let [plain, guessing] = &self.seconds;
        let least = plain.estimate(tokens);
        let cost = |tokens| match curve {
            1 if guessing.is_known() => guessing.estimate(tokens).max(least),
            _ => plain.estimate(tokens).max(least),
        };
        let (mut best, mut best_speed) = (0, MIN_SPEEDUP * answers as f64 / least);
        let mut brought = answers as f64;
        for (count, (gain, _)) in gains.iter().enumerate() {
            brought += gain;
            let speed = brought / cost(tokens + count + 1);
            if speed > best_speed {
                (best, best_speed) = (count + 1, speed);
            }
        }
        best
    }

    fn go_on(&mut self, count: usize) -> usize {
        (self.patience, self.left_alone) = (TRY_AGAIN.0, 0);
        self.since_plain += 1;
        if self.since_plain < PLAIN_AGAIN {
            return count;
        }
        self.since_plain = 0;
        0
    }

    /// Times change, and so may the texts: now and then a few guesses are computed that are not expected to pay.
    fn try_again(&mut self, gains: &[(f64, usize)], costs: bool) -> usize {
        self.since_plain = 0;
        self.left_alone += 1;
        let acceptance = gains.first().map_or(0.0, |(gain, _)| *gain);
        let compared_anyway = !costs && acceptance < PROMISING && self.left_alone < TRY_AGAIN.1;
        if self.left_alone < self.patience || compared_anyway {
            return 0;
        }
        self.left_alone = 0;
        self.patience = (self.patience * 2).min(TRY_AGAIN.1);
        gains.len().min(TRIED)
    }

    /// Compares guesses with the tokens that were chosen.
    pub(crate) fn learn(&mut self, guesses: &mut Guesses, chosen: impl Iterator<Item = u32>) {
        let kind = guesses.evidence.kind();
        for (guess, chosen) in guesses.proposed.iter().zip(chosen) {
            let is_right = *guess == chosen;
            if let (Some(own), Some(all)) = (guesses.acceptance.get_mut(kind), self.acceptance.get_mut(kind)) {
                own.learn(is_right);
                all.learn(is_right);
            }
            if !is_right {
                return;
            }
        }
    }

    /// A pass of so many tokens, guesses included, was made: for the time that is told next. `costs` says whether it had
    /// guesses that cost something themselves.
    pub(crate) fn passed(&mut self, tokens: Option<usize>, costs: bool) {
        self.last = tokens.map(|tokens| (tokens, usize::from(costs)));
    }

    /// The last pass took so many seconds.
    pub(crate) fn record_time(&mut self, seconds: f64) {
        let Some((tokens, curve)) = self.last.take().filter(|_| seconds.is_finite() && seconds > 0.0) else { return };
        if let Some(curve) = self.seconds.get_mut(curve) {
            curve.learn(tokens, seconds);
        }
    }
}

/// Expected gain of each further guess, and its offer; the largest first.
fn gains(offers: &[Offer], most: usize) -> Vec<(f64, usize)> {
    let mut gains = Vec::new();
    for (index, offer) in offers.iter().enumerate() {
        let mut all_right = 1.0;
        for _ in 0..offer.found {
            all_right *= offer.acceptance;
            gains.push((all_right, index));
        }
    }
    // Of one offer's guesses the earlier bring more, so that they come first.
    gains.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    gains.truncate(most);
    gains
}

/// Seconds of a pass by the number of its tokens, from 1.
#[derive(Debug, Clone, Default)]
struct Curve(Vec<Option<f64>>);

impl Curve {
    fn at(&self, tokens: usize) -> Option<f64> {
        self.0.get(tokens.checked_sub(1)?).copied().flatten()
    }

    fn is_known(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    fn learn(&mut self, tokens: usize, seconds: f64) {
        if tokens == 0 || tokens > MOST_TOKENS {
            return;
        }
        self.0.resize(self.0.len().max(tokens), None);
        if let Some(place) = self.0.get_mut(tokens - 1) {
            let kept = place.map_or(0.0, |old| if seconds > old { COST_KEPT.0 } else { COST_KEPT.1 });
            *place = Some(place.unwrap_or(0.0) * kept + seconds * (1.0 - kept));
        }
    }

    /// By the nearest numbers that were measured; 1 if none was.
    fn estimate(&self, tokens: usize) -> f64 {
        let known = |tokens: usize| self.at(tokens).map(|seconds| (tokens as f64, seconds));
        let below = (1..=tokens).rev().find_map(known);
        let above = (tokens..=self.0.len()).find_map(known);
        match (below, above) {
            (Some((low, a)), Some((high, b))) if high > low => a + (b - a) * (tokens as f64 - low) / (high - low),
            (Some((low, a)), None) => {
                let share = if low > 1.0 { EXPECTED_COST.1 } else { EXPECTED_COST.0 };
                a + a / low * share * (tokens as f64 - low)
            }
            (Some((_, a)), Some(_)) | (None, Some((_, a))) => a,
            (None, None) => 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decisions of the last of many passes of `answers` answers, at this acceptance (in tenths) and cost per token
    /// after the first.
    fn settled(answers: usize, right: usize, cost: f64) -> Vec<usize> {
        let mut policy = SpeculationPolicy::measuring(8);
        let mut all: Vec<Guesses> = (0..answers).map(|_| Guesses::default()).collect();
        let mut decide = |round: usize| {
            let offers: Vec<Offer> = all.iter().map(|own| policy.offer(own, Evidence::default(), 8)).collect();
            let counts = policy.choose(answers, answers, &offers, false);
            let count: usize = counts.iter().sum();
            policy.passed(Some(answers + count), false);
            policy.record_time(1.0 + cost * (answers + count - 1) as f64);
            for (index, own) in all.iter_mut().enumerate() {
                own.proposed = vec![1; 8];
                let is_right = |at: usize| (round * 7 + index * 3 + at * 5) % 10 < right;
                policy.learn(own, (0..8).map(|at| u32::from(is_right(at))));
            }
            count
        };
        let all: Vec<usize> = (0..600).map(&mut decide).collect();
        all[300..].to_vec()
    }

    fn paused(decisions: &[usize]) -> usize {
        decisions.iter().filter(|&&count| count == 0).count()
    }

    #[test]
    fn it_goes_on_where_it_pays_and_stops_where_it_does_not() {
        let all = settled(1, 10, 0.1);
        assert!(all.iter().all(|&count| count == 8 || count == 0) && paused(&all) <= 3, "{all:?}");
        let some = settled(1, 6, 0.2);
        assert!(some.iter().all(|&count| count < 8) && paused(&some) < 10, "{some:?}");
        let none = settled(1, 2, 0.5);
        assert!(paused(&none) >= 297, "{none:?}");
        let dear = settled(1, 9, 1.5);
        assert!(paused(&dear) >= 297, "{dear:?}");
    }

    #[test]
    fn a_full_batch_has_fewer_guesses_for_each() {
        // Further tokens are free up to a point that sixteen answers are beyond.
        let (one, sixteen) = (settled(1, 8, 0.05), settled(16, 8, 0.4));
        assert!(one.iter().sum::<usize>() > 300 * 4, "{one:?}");
        assert!(sixteen.iter().sum::<usize>() < one.iter().sum::<usize>() * 8, "{sixteen:?}");
        assert!(paused(&settled(16, 5, 1.0)) >= 290);
        // Beyond the largest pass there are none at all.
        let offer = Offer { acceptance: 1.0, found: 8 };
        let mut policy = SpeculationPolicy::measuring(8);
        policy.passed(Some(MOST_TOKENS), false);
        policy.record_time(1.0);
        assert_eq!(policy.choose(MOST_TOKENS, MOST_TOKENS, &[offer], false), [0]);
    }

    #[test]
    fn what_one_answer_wins_is_held_against_what_all_others_wait() {
        let offer = Offer { acceptance: 0.9, found: 8 };
        for (answers, pays) in [(1, true), (16, false)] {
            let mut policy = SpeculationPolicy::measuring(8);
            for tokens in answers..answers + 9 {
                policy.passed(Some(tokens), false);
                policy.record_time(1.0 + 0.1 * (tokens - answers) as f64);
            }
            let count = policy.choose(answers, answers, &[offer], false)[0];
            assert_eq!(count > 0, pays, "{count} guesses beside {answers} answers");
        }
    }

    #[test]
    fn the_best_guesses_come_first_whoever_they_belong_to() {
        let offers = [Offer { acceptance: 0.5, found: 2 }, Offer { acceptance: 0.9, found: 3 }];
        let order: Vec<usize> = gains(&offers, 4).into_iter().map(|(_, offer)| offer).collect();
        assert_eq!(order, [1, 1, 1, 0]);
    }

    #[test]
    fn kinds_of_evidence_are_judged_apart_and_sequences_too() {
        let mut policy = SpeculationPolicy::measuring(4);
        let (mut bad, mut good) = (Guesses::default(), Guesses::default());
        for _ in 0..50 {
            (bad.proposed, bad.evidence) = (vec![1], Evidence::new(1));
            policy.learn(&mut bad, [0].into_iter());
            (good.proposed, good.evidence) = (vec![1], Evidence::new(1));
            policy.learn(&mut good, [1].into_iter());
        }
        let rate = |own: &Guesses, kind: usize| policy.offer(own, Evidence::new(kind), 4).acceptance;
        assert!(rate(&bad, 1) < 0.2 && rate(&good, 1) > 0.8, "{} {}", rate(&bad, 1), rate(&good, 1));
        assert_eq!(rate(&bad, 0), 0.5);
    }

    #[test]
    fn always_is_always_and_limits_hold() {
        let offer = |policy: &SpeculationPolicy| policy.offer(&Guesses::default(), Evidence::default(), 1000);
        let mut policy = SpeculationPolicy::always(1000);
        let most = offer(&policy);
        assert_eq!(policy.choose(1, 2, &[most, Offer { found: 2, ..most }], true), [MAX_GUESSES, 2]);
        let mut policy = SpeculationPolicy::measuring(0);
        let none = offer(&policy);
        assert_eq!(policy.choose(1, 1, &[none], true), [0]);
        policy.passed(Some(3), false);
        policy.record_time(f64::NAN);
        policy.passed(Some(3), false);
        policy.record_time(0.0);
        assert!(!policy.seconds[0].is_known());
    }

    #[test]
    fn times_between_measured_numbers_lie_between() {
        let mut curve = Curve::default();
        assert_eq!(curve.estimate(2), 1.0);
        curve.learn(1, 1.0);
        assert_eq!(curve.estimate(3), 1.0 + 2.0 * EXPECTED_COST.0);
        curve.learn(3, 2.0);
        curve.learn(7, 4.0);
        assert_eq!((curve.estimate(1), curve.estimate(3), curve.estimate(5)), (1.0, 2.0, 3.0));
        assert!((curve.estimate(9) - (4.0 + 4.0 / 7.0)).abs() < 1e-9);
    }
}
