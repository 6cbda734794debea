//! Answers that are given up here and go on elsewhere.

use super::clients::{is_last, job};
use super::fake::Fake;
use super::rules::Rules;
use crate::request::RequestError;
use crate::sampling::Parameters;
use crate::scheduler::{Event, Job, Key, Kind, Limits, Refusal, Scheduler, Update};
use std::collections::BTreeMap;
use std::time::Duration;

/// Answers of every round.
const ANSWERS: u64 = 6;

/// A job with settings that look at all of the text, half of them under rules.
fn asked(number: u64) -> Job {
    let one = job(number, 0, 7 + number as usize, 20);
    let parameters = Parameters { repetition_penalty: 1.3, presence_penalty: 0.4, ..one.request.parameters.clone() };
    let rules = (number % 2 == 1).then(|| Box::new(Rules::new(number as u32, 15)) as _);
    Job { request: crate::Request { parameters, ..one.request.clone() }, constraint: rules, ..one }
}

fn scheduler(pages: usize, page: usize, step_tokens: usize) -> Scheduler<Fake> {
    let limits = Limits { running: 4, step_tokens, ..Limits::default() };
    Scheduler::new(Fake::new(pages, page, 96).sound(), limits)
}

/// The tokens of all jobs, and their last events.
fn note(updates: Vec<Update>, names: &BTreeMap<Key, u64>, got: &mut BTreeMap<u64, (Vec<u32>, Option<Event>)>) {
    for update in updates {
        let one = got.entry(names[&update.key]).or_default();
        match update.event {
            Event::Token(choice) => one.0.push(choice.id),
            ref event if is_last(&update) => one.1 = Some(event.clone()),
            _ => {}
        }
    }
}

#[test]
fn an_answer_that_moves_is_the_one_that_stays() {
    let mut right = BTreeMap::new();
    let mut here = scheduler(256, 4, 16);
    let names = (0..ANSWERS).map(|number| (here.submit(asked(number), Duration::ZERO).unwrap(), number)).collect();
    while !here.is_idle() {
        note(here.step(Duration::ZERO), &names, &mut right);
    }
    assert!(right.values().all(|(tokens, end)| tokens.len() > 3 && matches!(end, Some(Event::Finished(_)))));
    let mut moved = 0;
    for after in 0..24 {
        let (mut here, mut there) = (scheduler(256, 4, 16), scheduler(64, 8, 5));
        let mut got = BTreeMap::new();
        let names: BTreeMap<Key, u64> =
            (0..ANSWERS).map(|number| (here.submit(asked(number), Duration::ZERO).unwrap(), number)).collect();
        (0..after).for_each(|_| note(here.step(Duration::ZERO), &names, &mut got));
        let mut others = BTreeMap::new();
        for (key, number) in &names {
            let Some(answered) = here.withdraw(*key) else { continue };
            moved += usize::from(!answered.is_empty());
            assert_eq!(got.get(number).map_or(&[][..], |one| &one.0), answered, "what was told");
            let job = Job { answered, ..asked(*number) };
            others.insert(there.submit(job, Duration::ZERO).unwrap(), *number);
        }
        assert!(here.is_idle() && here.statistics().pages_used == 0);
        while !there.is_idle() {
            note(there.step(Duration::ZERO), &others, &mut got);
            there.check();
        }
        assert_eq!(got, right, "after {after} steps");
    }
    assert!(moved > 40, "{moved} prove little");
}

#[test]
fn what_cannot_go_on_is_refused() {
    let mut there = scheduler(64, 8, 16);
    let mut refused = |answered: Vec<u32>| there.submit(Job { answered, ..asked(0) }, Duration::ZERO).unwrap_err();
    let unknown = refused(vec![1, 99]);
    assert!(matches!(unknown, Refusal::Invalid(RequestError::UnknownToken { id: 99, .. })), "{unknown}");
    let over = refused(vec![1; 20]);
    assert!(matches!(over, Refusal::Invalid(RequestError::CannotGoOn { index: 19, id: 1 })), "{over}");
    let rows = Job { kind: Kind::Rows { from: 0 }, ..asked(0) };
    let key = there.submit(rows, Duration::ZERO).unwrap();
    assert_eq!(there.withdraw(key), None);
}
