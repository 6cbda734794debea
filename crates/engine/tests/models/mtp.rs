//! Guesses of a model's own block for further tokens against none.

use crate::support::{Answer, CAPACITY, alone, best, devices, load, load_with_block, note, request, settings};
use hefu_engine::Request;
use hefu_engine::scheduler::{Job, Limits, Paged, Scheduler, Statistics};
use hefu_engine::speculation::{Speculation, SpeculationPolicy};
use hefu_numerics::device::Model;
use hefu_numerics::kv::PAGE;
use std::sync::Arc;
use std::time::Duration;

/// Models whose blocks know the text, with recurrent states and without.
const KNOWING: [&str; 3] = ["tiny-qwen35-mtp", "tiny-deepseek2-mtp", "tiny-nemotron_h_moe-mtp"];
/// Models whose blocks say nothing of use.
const RANDOM: [&str; 3] = ["tiny-qwen35", "tiny-qwen35moe", "tiny-glm4moe"];

fn paged(model: &Model, sequences: usize) -> Paged {
    Paged::new(model, CAPACITY, sequences * CAPACITY.div_ceil(PAGE), sequences).unwrap()
}

/// These requests, so many at once, with guesses of the block.
fn guessed(
    (model, block): &(Model, Model),
    asked: &[Request],
    sequences: usize,
    policy: SpeculationPolicy,
) -> (Vec<Answer>, Statistics) {
    let limits = Limits { running: sequences, step_tokens: 48, ..Limits::default() };
    let speculation = Speculation::mtp(paged(block, sequences), policy);
    let mut scheduler = Scheduler::new(paged(model, sequences), limits).with_speculation(speculation);
    let keys: Vec<_> =
        asked.iter().map(|asked| scheduler.submit(Job::new(asked.clone()), Duration::ZERO).unwrap()).collect();
    let mut answers = vec![Answer::default(); asked.len()];
    while !scheduler.is_idle() {
        let updates = scheduler.step(Duration::ZERO);
        scheduler.record_time(1.0);
        for update in updates {
            let number = keys.iter().position(|key| *key == update.key).unwrap();
            note(&mut answers[number], update, &mut scheduler);
        }
    }
    (answers, scheduler.statistics())
}

fn asked(number: usize, model: &Model) -> Request {
    Request {
        parameters: settings(number, number as u64),
        max_tokens: Some(24),
        all_logits: true,
        ..request(number * 3 + 1, model.program.vocabulary)
    }
}

#[test]
fn a_block_changes_neither_tokens_nor_logits() {
    for name in KNOWING.iter().chain(&RANDOM) {
        for device in devices() {
            let both = load_with_block(name, Arc::clone(&device));
            for number in 0..4 {
                let asked = asked(number, &both.0);
                let expected = alone(&both.0, CAPACITY, &asked);
                for policy in
                    [SpeculationPolicy::always(1), SpeculationPolicy::always(4), SpeculationPolicy::measuring(3)]
                {
                    let (found, counts) = guessed(&both, std::slice::from_ref(&asked), 1, policy);
                    assert!(found[0] == expected, "{name}, {}, request {number}", device.name());
                    assert!(counts.drafted_tokens > 0, "{name} guesses");
                }
            }
        }
    }
}

#[test]
fn a_block_that_knows_the_text_guesses_right_often() {
    for name in KNOWING {
        let both = load_with_block(name, best());
        let (mut drafted, mut accepted) = (0, 0);
        for number in 0..8 {
            let (_, counts) = guessed(&both, &[asked(number, &both.0)], 1, SpeculationPolicy::always(2));
            drafted += counts.drafted_tokens;
            accepted += counts.accepted_tokens;
        }
        assert!(3 * accepted > drafted && accepted < drafted, "{name}: {accepted} of {drafted}");
    }
}

#[test]
fn blocks_guess_for_many_answers_at_once() {
    for name in KNOWING {
        let both = load_with_block(name, best());
        // Prompts begin alike in part, so that some go on from the cache.
        let asked: Vec<Request> =
            (0..9).map(|number| Request { all_logits: false, ..asked(number % 5, &both.0) }).collect();
        let (found, counts) = guessed(&both, &asked, 3, SpeculationPolicy::always(3));
        for (number, (found, asked)) in found.iter().zip(&asked).enumerate() {
            let (tokens, _, finish) = alone(&both.0, CAPACITY, asked);
            assert_eq!((&found.0, found.2), (&tokens, finish), "{name}, request {number}");
        }
        assert!(4 * counts.accepted_tokens > counts.drafted_tokens, "{name}: {counts:?}");
    }
}

#[test]
fn the_weights_of_a_block_change_nothing_of_the_model() {
    for name in KNOWING {
        let (with, without) = (load_with_block(name, best()).0, load(name, best()));
        let asked = asked(1, &with);
        assert!(alone(&with, CAPACITY, &asked) == alone(&without, CAPACITY, &asked), "{name}");
        assert!(with.weights.bytes() > without.weights.bytes(), "{name}");
    }
}
