//! Recurrent states: where texts go on from snapshots, and pools with hardly a slot.

use super::clients::{is_last, job};
use super::fake::{Fake, request};
use crate::request::Request;
use crate::scheduler::{Event, Job, Key, Limits, Scheduler, SlotPool};
use std::collections::BTreeMap;
use std::time::Duration;

/// A scheduler for a model with recurrent states.
fn with_slots(slots: usize, running: usize, step_tokens: usize) -> Scheduler<Fake> {
    let limits = Limits { running, step_tokens, ..Limits::default() };
    let pool = SlotPool { slots, snapshot_pages: 1000 };
    Scheduler::new(Fake::new(4096, 4, 4096).sound().with_slots(Some(pool)), limits)
}

/// Runs until nothing is left to do; how many tokens of each job came out of the cache.
fn reused(scheduler: &mut Scheduler<Fake>) -> BTreeMap<Key, usize> {
    let mut found = BTreeMap::new();
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            if let Event::Started { reused } | Event::Shared { reused } = update.event {
                *found.entry(update.key).or_insert(0) += reused;
            }
        }
        scheduler.check();
    }
    found
}

#[test]
fn a_text_goes_on_from_the_deepest_snapshot() {
    let mut scheduler = with_slots(8, 2, 512);
    let mut ask = |prompt: &[u32]| {
        let asked = Request { max_tokens: Some(3), prefill_chunk: 1000, ..request(prompt) };
        let key = scheduler.submit(Job::new(asked), Duration::ZERO).unwrap();
        reused(&mut scheduler)[&key]
    };
    let text: Vec<u32> = (0..40).map(|at| at * at / 3 % 7).collect();
    assert_eq!(ask(&text[..23]), 0);
    // The last boundary of pages before the end of the prompt has a snapshot.
    assert_eq!(ask(&text[..23]), 20);
    // A text that leaves it at position 14 finds none there, but leaves one for the next.
    let other = [&text[..14], &[8, 8, 8, 8, 8]].concat();
    let third = [&text[..15], &[9, 9, 9, 9, 9]].concat();
    assert_eq!((ask(&other), ask(&third)), (0, 12));
}

#[test]
fn an_answer_is_gone_on_from_where_it_ended() {
    let mut scheduler = with_slots(3, 1, 512);
    let mut text: Vec<u32> = (0..23).map(|at| at * at / 3 % 7).collect();
    let mut before = 0;
    for _ in 0..5 {
        let asked = Request { max_tokens: Some(6), prefill_chunk: 1000, ..request(&text) };
        scheduler.submit(Job::new(asked), Duration::ZERO).unwrap();
        while !scheduler.is_idle() {
            for update in scheduler.step(Duration::ZERO) {
                match update.event {
                    Event::Started { reused } => assert_eq!(reused, before),
                    Event::Token(choice) => text.push(choice.id),
                    _ => {}
                }
            }
            scheduler.check();
        }
        // All but the last token, which was not computed.
        before = text.len() - 1;
        text.extend([1, 2, 3]);
    }
}

#[test]
fn prompts_that_begin_alike_go_on_from_one_snapshot() {
    let mut scheduler = with_slots(12, 5, 512);
    let beginning: Vec<u32> = (0..50).map(|at| at * at / 3 % 7).collect();
    for number in 0..5 {
        let prompt = [&beginning[..], &[number, 8, 8, number]].concat();
        let asked = Request { max_tokens: Some(3), prefill_chunk: 1000, ..request(&prompt) };
        scheduler.submit(Job::new(asked), Duration::ZERO).unwrap();
    }
    let found: Vec<usize> = reused(&mut scheduler).into_values().collect();
    // One computes all, the others what follows the last full page that they share.
    assert_eq!((found.iter().sum::<usize>(), scheduler.statistics().prompt_tokens_computed), (4 * 48, 54 + 4 * 6));
    assert!(scheduler.slots_seen().0.forks >= 3);
}

#[test]
fn slots_for_fewer_than_may_run_end_nobody() {
    for slots in 1..4 {
        let mut scheduler = with_slots(slots, 6, 64);
        let keys: Vec<Key> =
            (0..6).map(|client| scheduler.submit(job(client, 0, 30, 20), Duration::ZERO).unwrap()).collect();
        let mut most = 0;
        let mut ended = Vec::new();
        while !scheduler.is_idle() {
            let updates = scheduler.step(Duration::ZERO);
            ended.extend(updates.iter().filter(|update| is_last(update)).map(|update| update.key));
            most = most.max(scheduler.statistics().running);
            scheduler.check();
        }
        assert_eq!((most, ended.len()), (slots, keys.len()));
    }
}
