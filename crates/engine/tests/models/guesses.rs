//! Guesses of every kind against none.

use crate::support::{Answer, CAPACITY, MODELS, alone, best, devices, load, load_with_cache, note, request, settings};
use hefu_engine::Request;
use hefu_engine::scheduler::{Job, Limits, Paged, Scheduler, Statistics};
use hefu_engine::speculation::{Speculation, SpeculationPolicy};
use hefu_numerics::device::Model;
use hefu_numerics::kv::{PAGE, Profile};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

fn paged(model: &Model, capacity: usize) -> Paged {
    Paged::new(model, capacity, capacity.div_ceil(PAGE), 1).unwrap()
}

/// One request by the scheduler with guesses.
fn guessed(model: &Model, capacity: usize, asked: &Request, speculation: Speculation<Paged>) -> (Answer, Statistics) {
    let mut scheduler = Scheduler::new(paged(model, capacity), Limits::default()).with_speculation(speculation);
    scheduler.submit(Job::new(asked.clone()), Duration::ZERO).unwrap();
    let mut answer = Answer::default();
    while !scheduler.is_idle() {
        let updates = scheduler.step(Duration::ZERO);
        scheduler.record_time(1.0);
        updates.into_iter().for_each(|update| note(&mut answer, update, &mut scheduler));
    }
    (answer, scheduler.statistics())
}

#[test]
fn guesses_change_neither_tokens_nor_logits() {
    let (mut drafted, mut accepted) = (0, 0);
    for name in MODELS {
        for device in devices() {
            // Every kind of settings with two prompts, on each profile of the cache.
            let models = Profile::ALL.map(|cache| load_with_cache(name, Arc::clone(&device), cache));
            let vocabulary = models[0].program.vocabulary;
            for (number, model) in (0..8).flat_map(|number| models.iter().map(move |model| (number, model))) {
                let what = format!("{name}, {}, {}, request {number}", device.name(), model.program.profile.name());
                // The longer prompt goes into the end of the context.
                let asked = |end_tokens: BTreeSet<u32>| Request {
                    parameters: settings(number / 2, number as u64),
                    max_tokens: (number % 2 == 0).then_some(15),
                    end_tokens,
                    all_logits: true,
                    ..request(number % 2 * 2 + 1, vocabulary)
                };
                let capacity = CAPACITY.min(asked(BTreeSet::new()).prompt.len() + 20);
                let plain = alone(model, capacity, &asked(BTreeSet::new()));
                // An end token in the middle may fall into a run of guesses.
                let ends = BTreeSet::from([plain.0[plain.0.len() / 2]]);
                for ends in [BTreeSet::new(), ends] {
                    let asked = asked(ends.clone());
                    let expected = alone(model, capacity, &asked);
                    let draft = Speculation::draft_model(paged(model, capacity), SpeculationPolicy::always(5));
                    let (found, counts) = guessed(model, capacity, &asked, draft);
                    assert!(found == expected, "{what}: draft model");
                    // A model that guesses at itself is always right, but of a run with the end in it nothing may count.
                    let missed = counts.drafted_tokens - counts.accepted_tokens;
                    assert!(missed == 0 || (missed <= 5 && !ends.is_empty()), "{missed} of {}", counts.drafted_tokens);
                    for policy in [SpeculationPolicy::always(7), SpeculationPolicy::measuring(4)] {
                        let (found, counts) = guessed(model, capacity, &asked, Speculation::lookup(policy));
                        assert!(found == expected, "{what}: look-up");
                        drafted += counts.drafted_tokens;
                        accepted += counts.accepted_tokens;
                    }
                }
            }
        }
    }
    assert!(accepted > 0 && accepted < drafted, "{accepted} of {drafted} guesses prove little");
}

#[test]
fn another_models_guesses_change_nothing() {
    let (model, other) = (load("tiny-gemma3", best()), load("tiny-qwen2", best()));
    for number in 0..6 {
        let asked = Request { max_tokens: Some(20), ..request(number, model.program.vocabulary) };
        let expected = alone(&model, CAPACITY, &asked);
        // Its context ends before the answer does.
        let draft = paged(&other, asked.prompt.len() + 6);
        let speculation = Speculation::draft_model(draft, SpeculationPolicy::always(3));
        let (found, counts) = guessed(&model, CAPACITY, &asked, speculation);
        assert!(found == expected && counts.drafted_tokens > 0);
    }
}

#[test]
fn an_answer_that_was_given_before_takes_fewer_steps_for_the_same_client_alone() {
    let model = load("tiny-qwen2", best());
    let limits = Limits { prefix_reuse: false, ..Limits::default() };
    let speculation = Speculation::lookup(SpeculationPolicy::always(7));
    let mut scheduler = Scheduler::new(paged(&model, CAPACITY), limits).with_speculation(speculation);
    let asked = Request { max_tokens: Some(40), ..request(1, model.program.vocabulary) };
    let expected = alone(&model, CAPACITY, &asked);
    let steps = [1, 1, 2, 2].map(|client| {
        let before = scheduler.statistics().steps;
        scheduler.submit(Job { client, ..Job::new(asked.clone()) }, Duration::ZERO).unwrap();
        let mut answer = Answer::default();
        while !scheduler.is_idle() {
            scheduler.step(Duration::ZERO).into_iter().for_each(|update| note(&mut answer, update, &mut scheduler));
        }
        assert_eq!(answer.0, expected.0);
        scheduler.statistics().steps - before
    });
    assert_eq!((steps[0], steps[1]), (steps[2], steps[3]));
    assert!(4 * steps[1] < 3 * steps[0], "{steps:?}");
}
