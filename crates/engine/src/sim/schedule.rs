//! A schedule: jobs with all that can happen to them, and the limits that they meet.

use super::fake::VOCABULARY;
use super::random::Random;
use super::rules::Rules;
use crate::constraint::Constraint;
use crate::request::Request;
use crate::sampling::Parameters;
use crate::scheduler::{Job, Kind, Limits, Pooling, ReuseDomain, SlotPool};
use std::collections::BTreeSet;
use std::time::Duration;

/// Most positions of one sequence.
pub(super) const CAPACITY: usize = 48;

#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) limits: Limits,
    pub(super) page: usize,
    pub(super) pages: usize,
    /// Slots, where the model has recurrent states.
    pub(super) slots: Option<SlotPool>,
    pub(super) guessing: Guessing,
    /// True if jobs have constraints.
    pub(super) ruled: bool,
    pub(super) plans: Vec<Plan>,
    /// Random steps of the clock.
    pub(super) random: Random,
}

/// Sources of guesses.
#[derive(Debug, Clone, Copy)]
pub(super) enum Guessing {
    Off,
    /// The text, and the most guesses at a time.
    Lookup(usize),
    /// A draft model that is wrong once in so many texts and has so many pages, and the most guesses.
    Draft {
        wrong_one_in: u32,
        pages: usize,
        most: usize,
        slots: Option<SlotPool>,
    },
    /// A block of the model itself that is wrong once in so many texts and has so many pages, and the most guesses.
    Mtp {
        wrong_one_in: u32,
        pages: usize,
        most: usize,
    },
}

/// One job and what happens to it.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    pub(super) request: Request,
    pub(super) kind: Kind,
    pub(super) rules: Option<Rules>,
    pub(super) client: u64,
    pub(super) domain: ReuseDomain,
    priority: i32,
    /// Time from its arrival to its deadline.
    patience: Option<Duration>,
    /// The step at which it arrives.
    pub(super) arrival: usize,
    /// Steps until it is cancelled.
    pub(super) cancelled: Option<usize>,
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Schedule {
        let mut random = Random::new(seed);
        let limits = Limits {
            step_tokens: random.within(1..40),
            running: random.within(1..9),
            queued: random.within(2..20),
            prefix_reuse: !random.one_in(4),
            prompts_first: random.one_in(5),
        };
        let page = random.within(1..7);
        // From enough for everybody to enough for one.
        let least = CAPACITY.div_ceil(page);
        let pages = if random.one_in(3) { least } else { random.within(least..least * 6) };
        let beginnings: Vec<Vec<u32>> = (0..3).map(|_| text(&mut random, 1..30)).collect();
        let jobs = random.within(1..22);
        // One in four times all at once.
        let rush = if random.one_in(4) { 1 } else { random.within(1..40) };
        let ruled = random.one_in(3);
        let plans = (0..jobs).map(|_| Plan::new(&mut random, &beginnings, rush, ruled)).collect();
        let guessing = match random.within(0..4) {
            0 => Guessing::Off,
            1 => Guessing::Lookup(random.within(1..9)),
            2 => Guessing::Mtp {
                wrong_one_in: random.within(2..9) as u32,
                pages: random.within(2..least * 4),
                most: random.within(1..9),
            },
            _ => Guessing::Draft {
                wrong_one_in: random.within(2..9) as u32,
                // From enough for everybody to hardly any.
                pages: random.within(2..least * 4),
                most: random.within(1..9),
                slots: slots(&mut random, limits.running),
            },
        };
        let slots = slots(&mut random, limits.running);
        Schedule { limits, page, pages, slots, guessing, ruled, plans, random }
    }
}

/// Slots for a model that has recurrent states as often as not: from enough for everybody to a single one.
fn slots(random: &mut Random, running: usize) -> Option<SlotPool> {
    let most = [3, running * 4, running * 12][random.within(0..3)];
    let pool = SlotPool { slots: random.within(1..most.max(2)), snapshot_pages: random.within(1..4) };
    random.one_in(2).then_some(pool)
}

impl Plan {
    fn new(random: &mut Random, beginnings: &[Vec<u32>], rush: usize, ruled: bool) -> Plan {
        let prompt = match random.within(0..4) {
            0 => text(random, 1..40),
            _ => [&beginnings[random.within(0..beginnings.len())][..], &text(random, 1..12)].concat(),
        };
        let parameters = Parameters {
            temperature: if random.one_in(3) { 0.0 } else { 1.0 },
            seed: random.within(0..50) as u64,
            repetition_penalty: if random.one_in(4) { 1.3 } else { 1.0 },
            logprobs: random.one_in(5).then_some(2),
            ..Parameters::default()
        };
        let end_tokens: BTreeSet<u32> = if random.one_in(3) { BTreeSet::from([7, 8]) } else { BTreeSet::new() };
        let request = Request {
            prompt,
            parameters,
            end_tokens,
            max_tokens: (!random.one_in(8)).then(|| random.within(1..14)),
            prefill_chunk: random.within(0..30),
            all_logits: random.one_in(6),
        };
        let kind = match random.within(0..14) {
            0 => Kind::Embedding(Pooling::Mean),
            1 => Kind::Embedding(Pooling::Last),
            2 => Kind::Rows { from: random.within(0..request.prompt.len()) },
            3 => Kind::Likelihoods { from: random.within(1..request.prompt.len().max(2)) },
            4 => Kind::Embedding(Pooling::First),
            _ => Kind::Answer,
        };
        let is_ruled = ruled && kind == Kind::Answer && !random.one_in(3);
        Plan {
            request,
            kind,
            rules: is_ruled.then(|| Rules::new(random.within(0..1 << 20) as u32, random.within(1..12) as u32)),
            client: random.within(0..if rush == 1 { 2 } else { 4 }) as u64,
            domain: if random.one_in(2) { ReuseDomain::Group(random.within(0..2) as u64) } else { ReuseDomain::Client },
            priority: if random.one_in(2) { 0 } else { random.within(0..7) as i32 - 3 },
            patience: random.one_in(6).then(|| Duration::from_secs(random.within(0..60) as u64)),
            arrival: random.within(0..rush),
            cancelled: random.one_in(8).then(|| random.within(0..20)),
        }
    }

    pub(super) fn job(&self, now: Duration) -> Job {
        Job {
            constraint: self.constraint(),
            client: self.client,
            domain: self.domain,
            priority: self.priority,
            deadline: self.patience.map(|patience| now + patience),
            ..Job::new(self.request.clone()).with_kind(self.kind.clone())
        }
    }

    pub(super) fn constraint(&self) -> Option<Box<dyn Constraint>> {
        self.rules.clone().map(|rules| Box::new(rules) as Box<dyn Constraint>)
    }
}

fn text(random: &mut Random, length: std::ops::Range<usize>) -> Vec<u32> {
    let length = random.within(length);
    (0..length).map(|_| random.within(0..VOCABULARY) as u32).collect()
}
