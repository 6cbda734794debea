//! Shares of clients: fairness, priorities, deadlines and a prompt that is too long to wait for.

use super::fake::{Fake, request};
use super::rules::Rules;
use crate::constraint::{Constraint, ConstraintError};
use crate::request::{FinishReason, Request};
use crate::sampling::{Parameters, TokenMask};
use crate::scheduler::{Event, Job, Key, Limits, Refusal, ReuseDomain, Scheduler, Update};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

pub(super) fn job(client: u64, priority: i32, prompt: usize, tokens: usize) -> Job {
    // Texts of different clients have nothing in common.
    let prompt: Vec<u32> = (0..prompt).map(|at| ((at * at + at / 7) as u32 + client as u32) % 6).collect();
    let parameters = Parameters { seed: client, ..Parameters::default() };
    let asked = Request { max_tokens: Some(tokens), parameters, prefill_chunk: 1000, ..request(&prompt) };
    Job { client, priority, ..Job::new(asked) }
}

fn scheduler(running: usize, step_tokens: usize) -> Scheduler<Fake> {
    let limits = Limits { running, step_tokens, ..Limits::default() };
    Scheduler::new(Fake::new(4096, 4, 4096), limits)
}

pub(super) fn is_last(update: &Update) -> bool {
    matches!(update.event, Event::Finished(_) | Event::Failed(_))
}

#[test]
fn clients_share_evenly_however_many_jobs_they_have() {
    let mut scheduler = scheduler(4, 64);
    let mut owners: BTreeMap<Key, u64> = BTreeMap::new();
    let add = |scheduler: &mut Scheduler<Fake>, client, owners: &mut BTreeMap<Key, u64>| {
        owners.insert(scheduler.submit(job(client, 0, 10, 150), Duration::ZERO).unwrap(), client);
    };
    (0..200).for_each(|_| add(&mut scheduler, 1, &mut owners));
    // The first client is alone for a while, and then neither ahead nor behind.
    (0..300).for_each(|step| drop(scheduler.step(SECOND * step)));
    (0..6).for_each(|_| add(&mut scheduler, 2, &mut owners));
    let mut tokens: BTreeMap<u64, u64> = BTreeMap::new();
    for step in 300..1000 {
        for update in scheduler.step(SECOND * step) {
            if let Event::Token(_) = update.event {
                *tokens.entry(owners[&update.key]).or_default() += 1;
            }
        }
        // The second always has six jobs under way or waiting.
        while owners.values().filter(|client| **client == 2).count() < 6 + step as usize / 20 {
            add(&mut scheduler, 2, &mut owners);
        }
    }
    let (first, second) = (tokens[&1] as f64, tokens[&2] as f64);
    assert!(second / first > 0.6 && second / first < 1.7, "{tokens:?}");
}

#[test]
fn a_newcomer_does_not_wait_for_long_answers_of_others() {
    let mut scheduler = scheduler(2, 64);
    (0..8).for_each(|_| drop(scheduler.submit(job(1, 0, 10, 3500), Duration::ZERO)));
    (0..1500).for_each(|step| drop(scheduler.step(SECOND * step / 100)));
    let key = scheduler.submit(job(2, 0, 10, 20), SECOND * 15).unwrap();
    let steps = (0..2000).find(|step| {
        let events = scheduler.step(SECOND * 15 + SECOND * *step / 100);
        events.iter().any(|update| update.key == key && is_last(update))
    });
    assert!(steps.is_some_and(|steps| steps < 900), "{steps:?}");
}

#[test]
fn priority_goes_first_but_waiting_counts() {
    let mut scheduler = scheduler(1, 64);
    let mut order: Vec<Key> = Vec::new();
    let low = scheduler.submit(job(1, -2, 4, 3), Duration::ZERO).unwrap();
    let middle = scheduler.submit(job(1, 0, 4, 3), Duration::ZERO).unwrap();
    let high = scheduler.submit(job(1, 5, 4, 3), Duration::ZERO).unwrap();
    for _ in 0..20 {
        order.extend(scheduler.step(Duration::ZERO).iter().filter(|update| is_last(update)).map(|update| update.key));
    }
    assert_eq!(order, [high, middle, low]);
    // A stream of better ones does not starve the worst of the same client.
    let low = scheduler.submit(job(1, -100, 4, 3), Duration::ZERO).unwrap();
    let finished = (0..6000_u32).find(|step| {
        scheduler.submit(job(1, 100, 4, 3), SECOND * *step).ok();
        scheduler.step(SECOND * *step).iter().any(|update| update.key == low && is_last(update))
    });
    assert!(finished.is_some_and(|step| step > 1000), "{finished:?}");
}

#[test]
fn priority_means_nothing_to_others() {
    let steps_to = |priority: i32| {
        // One page is missing for both: somebody must give way sooner or later.
        let limits = Limits { running: 4, step_tokens: 64, ..Limits::default() };
        let mut scheduler = Scheduler::new(Fake::new(27, 4, 96).sound(), limits);
        let first = scheduler.submit(job(1, 0, 10, 60), Duration::ZERO).unwrap();
        scheduler.step(Duration::ZERO);
        let second = scheduler.submit(job(2, priority, 10, 60), Duration::ZERO).unwrap();
        let mut ends = BTreeMap::new();
        for step in 0..400 {
            for update in scheduler.step(Duration::ZERO).iter().filter(|update| is_last(update)) {
                ends.insert(update.key, step);
            }
        }
        (ends[&first], ends[&second], scheduler.statistics().preemptions)
    };
    let usual = steps_to(0);
    assert_eq!(usual.0, 58, "the first was interrupted");
    assert!(usual.2 > 0, "nobody had to give way");
    assert_eq!((steps_to(100), steps_to(-100)), (usual, usual));
    // Nor does it get anybody out of the queue before others.
    let mut scheduler = scheduler(1, 64);
    let running = scheduler.submit(job(1, 0, 4, 20), Duration::ZERO).unwrap();
    scheduler.step(Duration::ZERO);
    let (usual, high) = (job(2, 0, 4, 3), job(3, 100, 4, 3));
    let order = [usual, high].map(|job| scheduler.submit(job, Duration::ZERO).unwrap());
    let mut ended = Vec::new();
    for _ in 0..40 {
        ended.extend(scheduler.step(Duration::ZERO).iter().filter(|update| is_last(update)).map(|update| update.key));
    }
    assert_eq!(ended, [running, order[0], order[1]]);
}

#[test]
fn every_client_has_its_share_of_places_and_of_the_queue() {
    let limits = Limits { running: 4, step_tokens: 64, queued: 20, ..Limits::default() };
    let mut scheduler = Scheduler::new(Fake::new(4096, 4, 4096).sound(), limits);
    let mut owners: BTreeMap<Key, u64> = BTreeMap::new();
    let add = |scheduler: &mut Scheduler<Fake>, client, owners: &mut BTreeMap<Key, u64>| {
        let taken = scheduler.submit(job(client, 0, 10, 3000), Duration::ZERO);
        taken.map(|key| owners.insert(key, client)).is_ok()
    };
    let taken = (0..100).filter(|_| add(&mut scheduler, 1, &mut owners)).count();
    assert_eq!(taken, 20);
    (0..100).for_each(|_| drop(scheduler.step(Duration::ZERO)));
    while add(&mut scheduler, 1, &mut owners) {}
    // The queue is full of the first client's jobs, and so are the places; both have room for a second all the same.
    let taken = (0..100).filter(|_| add(&mut scheduler, 2, &mut owners)).count();
    assert_eq!(taken, 8);
    let mut last = BTreeMap::new();
    for _ in 0..70 {
        last.clear();
        for update in scheduler.step(Duration::ZERO) {
            if let Event::Token(_) = update.event {
                *last.entry(owners[&update.key]).or_insert(0) += 1;
            }
        }
        scheduler.check();
    }
    assert_eq!(last, BTreeMap::from([(1, 2), (2, 2)]));
}

#[test]
fn nobody_learns_what_others_have_asked() {
    let reused = |domains: [(u64, ReuseDomain); 2]| {
        let mut scheduler = scheduler(8, 512);
        let mut found = Vec::new();
        for at_once in [false, true] {
            for (client, domain) in domains {
                // The prompts are the same.
                let asked = Job { client, domain, ..job(u64::from(at_once), 0, 103, 2) };
                let key = scheduler.submit(asked, Duration::ZERO).unwrap();
                let mut all = 0;
                while !(scheduler.is_idle() || at_once && found.len() == 2) {
                    for update in scheduler.step(Duration::ZERO) {
                        match update.event {
                            Event::Started { reused } | Event::Shared { reused } if update.key == key => all += reused,
                            Event::Shared { reused } => all += reused,
                            _ => {}
                        }
                    }
                    scheduler.check();
                }
                found.push(all);
            }
        }
        found
    };
    let (own, group) = (ReuseDomain::Client, ReuseDomain::Group(1));
    assert_eq!(reused([(1, own), (2, own)]), [0, 0, 0, 0]);
    // The number of a group is not that of a client.
    assert_eq!(reused([(1, own), (2, group)]), [0, 0, 0, 0]);
    assert_eq!(reused([(1, group), (1, own)]), [0, 0, 0, 0]);
    assert_eq!(reused([(1, ReuseDomain::Group(2)), (2, group)]), [0, 0, 0, 0]);
    assert_eq!(reused([(1, group), (2, group)]), [0, 100, 0, 100]);
    assert_eq!(reused([(1, own), (1, own)]), [0, 100, 0, 100]);
}

/// Allows every token, once somebody says that it may.
#[derive(Debug)]
struct Held(Arc<Barrier>);

impl Constraint for Held {
    fn mask(&mut self) -> Result<Option<TokenMask>, ConstraintError> {
        self.0.wait();
        Ok(None)
    }

    fn accept(&mut self, _: u32) -> Result<(), ConstraintError> {
        Ok(())
    }

    fn forced(&mut self) -> Vec<u32> {
        Vec::new()
    }

    fn may_end(&mut self) -> bool {
        true
    }
}

#[test]
fn a_grammar_that_takes_for_ever_holds_up_its_own_answer_alone() {
    let mut scheduler = Scheduler::new(Fake::new(512, 4, 512).sound(), Limits::default());
    let (gate, other_gate) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
    let constraint: Option<Box<dyn Constraint>> = Some(Box::new(Held(Arc::clone(&gate))));
    let slow = scheduler.submit(Job { constraint, ..job(1, 0, 10, 1) }, Duration::ZERO).unwrap();
    // Another client's answer has a grammar too.
    let rules: Option<Box<dyn Constraint>> = Some(Box::new(Rules::new(5, 40)));
    let others = [Job { constraint: rules, ..job(2, 0, 10, 20) }, job(3, 0, 10, 60)];
    let mut open: Vec<Key> = others.map(|job| scheduler.submit(job, Duration::ZERO).unwrap()).into();
    while !open.is_empty() {
        for update in scheduler.step(Duration::ZERO) {
            assert!(update.key != slow || !matches!(update.event, Event::Token(_)), "a token without its mask");
            open.retain(|key| *key != update.key || !is_last(&update));
        }
        scheduler.check();
    }
    // A job whose mask is being computed can be given up.
    let constraint: Option<Box<dyn Constraint>> = Some(Box::new(Held(Arc::clone(&other_gate))));
    let given_up = scheduler.submit(Job { constraint, ..job(4, 0, 10, 1) }, Duration::ZERO).unwrap();
    scheduler.step(Duration::ZERO);
    scheduler.cancel(given_up);
    gate.wait();
    other_gate.wait();
    let mut tokens = 0;
    while !scheduler.is_idle() {
        let updates = scheduler.step(Duration::ZERO);
        tokens += updates.iter().filter(|update| matches!(update.event, Event::Token(_))).count();
    }
    assert_eq!((tokens, scheduler.statistics().pages_used), (1, 0));
}

#[test]
fn a_long_prompt_stalls_nobody() {
    let mut scheduler = scheduler(8, 32);
    let answering = scheduler.submit(job(1, 0, 4, 500), Duration::ZERO).unwrap();
    scheduler.step(Duration::ZERO);
    scheduler.submit(job(2, 0, 3000, 2), Duration::ZERO).unwrap();
    let short = scheduler.submit(job(3, 0, 20, 2), Duration::ZERO).unwrap();
    let mut first = None;
    for step in 0..100 {
        let events = scheduler.step(Duration::ZERO);
        let has_token = |key| events.iter().any(|update| update.key == key && matches!(update.event, Event::Token(_)));
        assert!(has_token(answering), "an answer waited for a prompt");
        assert!(scheduler.statistics().step_tokens <= 32, "more than the budget");
        if has_token(short) {
            first = first.or(Some(step));
        }
    }
    assert!(first.is_some_and(|step| step <= 2), "{first:?}");
}

#[test]
fn deadlines_end_what_waits_and_what_runs() {
    let mut scheduler = scheduler(1, 64);
    let with = |deadline: u64| Job { deadline: Some(SECOND * deadline as u32), ..job(1, 0, 4, 1000) };
    let (running, waiting) = (scheduler.submit(with(7), SECOND).unwrap(), scheduler.submit(with(3), SECOND).unwrap());
    let mut ends = BTreeMap::new();
    for second in 1..10 {
        for update in scheduler.step(SECOND * second) {
            if is_last(&update) {
                assert_eq!(update.event, Event::Finished(FinishReason::Deadline));
                ends.insert(update.key, second);
            }
        }
    }
    assert_eq!(ends, BTreeMap::from([(running, 7), (waiting, 3)]));
    assert_eq!((scheduler.is_idle(), scheduler.statistics().pages_used), (true, 0));
}

#[test]
fn a_full_queue_refuses_and_says_so() {
    let limits = Limits { queued: 2, ..Limits::default() };
    let mut scheduler = Scheduler::new(Fake::new(64, 4, 64), limits);
    let first = scheduler.submit(job(1, 0, 4, 2), Duration::ZERO).unwrap();
    scheduler.submit(job(1, 0, 4, 2), Duration::ZERO).unwrap();
    let refused = scheduler.submit(job(1, 0, 4, 2), Duration::ZERO).unwrap_err();
    assert_eq!(refused, Refusal::QueueFull { queued: 2, most: 2 });
    assert_eq!(refused.to_string(), "2 requests are waiting already, as many as may; try again later");
    scheduler.cancel(first);
    scheduler.cancel(first);
    assert!(scheduler.submit(job(1, 0, 4, 2), Duration::ZERO).is_ok());
    let statistics = scheduler.statistics();
    assert_eq!((statistics.refused, statistics.cancelled, statistics.waiting), (1, 1, 2));
    let empty = scheduler.submit(job(1, 0, 0, 2), Duration::ZERO).unwrap_err();
    assert!(empty.to_string().starts_with("the prompt is empty"), "{empty}");
}

#[test]
fn the_same_prompt_again_costs_its_last_token() {
    let mut scheduler = scheduler(8, 512);
    let mut reused = Vec::new();
    for _ in 0..2 {
        scheduler.submit(job(1, 0, 103, 2), Duration::ZERO).unwrap();
        while !scheduler.is_idle() {
            let started = scheduler.step(Duration::ZERO).into_iter().filter_map(|update| match update.event {
                Event::Started { reused } => Some(reused),
                _ => None,
            });
            reused.extend(started);
        }
    }
    // 25 full pages, and 2 further positions that are not worth a copy.
    assert_eq!(reused, [0, 100]);
    assert_eq!(scheduler.statistics().prompt_tokens_computed, 106);
}

#[test]
fn prompts_that_begin_alike_at_the_same_time_are_computed_once() {
    let mut scheduler = scheduler(8, 512);
    (0..5).for_each(|_| assert!(scheduler.submit(job(1, 0, 103, 2), Duration::ZERO).is_ok()));
    let mut shared = 0;
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            if let Event::Shared { reused } = update.event {
                shared += reused;
            }
        }
        scheduler.check();
    }
    let statistics = scheduler.statistics();
    // One computes all, the others the 3 positions after the last full page.
    assert_eq!((shared, statistics.prompt_tokens_reused, statistics.prompt_tokens_computed), (400, 400, 103 + 4 * 3));
}

#[test]
fn states_that_are_always_lost_end_a_job() {
    let limits = Limits { running: 4, step_tokens: 64, ..Limits::default() };
    let mut scheduler = Scheduler::new(Fake::new(64, 4, 96).sound().always_lost(), limits);
    let keys = [1, 2].map(|client| scheduler.submit(job(client, 0, 10, 6), Duration::ZERO).unwrap());
    let updates: Vec<Update> = (0..20).flat_map(|_| scheduler.step(Duration::ZERO)).collect();
    for key in keys {
        let failed = |update: &&Update| update.key == key && matches!(update.event, Event::Failed(_));
        assert_eq!(updates.iter().filter(failed).count(), 1, "{updates:?}");
    }
    assert!(scheduler.is_idle());
}

#[test]
fn answers_go_on_after_states_that_are_lost_before_a_choice() {
    let limits = Limits { running: 4, step_tokens: 8, ..Limits::default() };
    let answers = |model: Fake| {
        let mut scheduler = Scheduler::new(model.sound(), limits.clone());
        let keys = [1, 2].map(|client| scheduler.submit(job(client, 0, 10, 6), Duration::ZERO).unwrap());
        let updates: Vec<Update> = (0..60).flat_map(|_| scheduler.step(Duration::ZERO)).collect();
        assert!(scheduler.is_idle());
        let tokens = keys.map(|key| {
            let own = updates.iter().filter(|update| update.key == key);
            own.map(|update| match &update.event {
                Event::Token(choice) => Some(choice.id),
                Event::Failed(failure) => panic!("{failure}"),
                _ => None,
            })
            .collect::<Vec<_>>()
        });
        (tokens.map(|all| all.into_iter().flatten().collect::<Vec<u32>>()), scheduler.statistics().losses)
    };
    let (right, _) = answers(Fake::new(64, 4, 96));
    let mut lost = 0;
    for pass in 1..12 {
        let (found, losses) = answers(Fake::new(64, 4, 96).losing_logits_of(pass));
        assert_eq!(found, right, "lost at pass {pass}");
        lost += losses;
    }
    assert!(lost > 8, "{lost} losses");
}
