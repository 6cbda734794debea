//! Batches of 1, 8 and 33 sequences in pages from all over the cache.

use crate::support::{Answer, CAPACITY, MODELS, alone, devices, load, request};
use hefu_engine::generation::Step;
use hefu_engine::group::{ForwardMany, Group, Key, Paged, Part};
use hefu_model::Model;
use hefu_numerics::kv::PAGE;
use hefu_numerics::ops::Alone;
use std::collections::BTreeMap;

/// A cache whose free pages lie in no order: each was a sequence's, and they came back scattered.
fn scattered(model: &Model, pages: usize) -> Paged<'_> {
    let mut paged = Paged::new(model, &Alone, CAPACITY, pages).unwrap();
    let parts: Vec<Part<'_>> = (0..pages).map(|sequence| Part { sequence, tokens: &[1], rows: 0 }).collect();
    paged.forward(&parts).unwrap();
    assert_eq!(paged.free_pages(), 0);
    let mut order: Vec<usize> = (0..pages).collect();
    order.sort_by_key(|page| (page * 7919 + 13) % 101);
    order.into_iter().for_each(|sequence| paged.truncate(sequence, 0));
    assert_eq!(paged.free_pages(), pages);
    paged
}

/// The answers to the first `count` requests; with `stagger`, one of them joins every step.
fn together(model: &Model, count: usize, stagger: bool) -> Vec<Answer> {
    let pages = count * CAPACITY.div_ceil(PAGE);
    let mut group = Group::new(scattered(model, pages));
    let mut keys: Vec<Key> = Vec::new();
    let mut answers: BTreeMap<Key, Answer> = BTreeMap::new();
    while keys.len() < count || !group.is_empty() {
        let joining = if stagger { 1 } else { count };
        for number in keys.len()..count.min(keys.len() + joining) {
            let key = group.join(request(number, model.config().vocabulary)).unwrap();
            keys.push(key);
            answers.insert(key, Answer::default());
        }
        for event in group.step(200).unwrap() {
            let answer = answers.get_mut(&event.key).unwrap();
            let step = event.step.unwrap();
            let is_first = matches!(step, Step::Token(_)) && answer.0.is_empty();
            if !is_first {
                answer.1.extend(group.logits(event.rows).unwrap().iter().map(|logit| logit.to_bits()));
            }
            match step {
                Step::Prefill { .. } => {}
                Step::Token(choice) => answer.0.push(choice.id),
                Step::Finished(finish) => answer.2 = Some(finish),
            }
        }
    }
    assert_eq!(group.model().free_pages(), pages);
    keys.iter().map(|key| answers.remove(key).unwrap()).collect()
}

#[test]
fn an_answer_in_a_batch_is_the_one_alone() {
    for name in MODELS {
        for ops in devices() {
            let model = load(name, ops);
            let single = |number| alone(&model, CAPACITY, request(number, model.config().vocabulary), None);
            let expected: Vec<Answer> = (0..33).map(single).collect();
            assert!(expected.iter().all(|answer| !answer.1.is_empty() || answer.0.len() == 1));
            for (count, stagger) in [(1, false), (8, false), (8, true), (33, true), (33, false)] {
                let found = together(&model, count, stagger);
                for (number, (found, expected)) in found.iter().zip(&expected).enumerate() {
                    let what = format!("{name}, {}, sequence {number} of {count}", ops.name);
                    assert_eq!(found.0, expected.0, "tokens of {what}");
                    assert!(found.1 == expected.1, "logits of {what}");
                    assert_eq!(found.2, expected.2, "end of {what}");
                }
            }
        }
    }
}

#[test]
fn pages_are_taken_as_needed_and_a_full_cache_says_so() {
    let model = load("tiny-qwen2", hefu_cpu::select::best());
    let mut paged = Paged::new(&model, &Alone, CAPACITY, 3).unwrap();
    let tokens = [1; PAGE + 1];
    paged.forward(&[Part { sequence: 4, tokens: &tokens, rows: 0 }]).unwrap();
    assert_eq!((paged.pages(4).len(), paged.pages(0).len(), paged.free_pages()), (2, 0, 1));
    let both = [Part { sequence: 0, tokens: &[1], rows: 0 }, Part { sequence: 4, tokens: &tokens[..PAGE], rows: 0 }];
    assert!(matches!(paged.forward(&both), Err(hefu_model::Error::CacheFull { .. })));
    assert_eq!((paged.pages(4).len(), paged.pages(0).len(), paged.free_pages()), (2, 0, 1));
    paged.truncate(4, PAGE);
    assert_eq!((paged.pages(4).len(), paged.free_pages()), (1, 2));
    paged.forward(&both).unwrap();
    assert_eq!(paged.free_pages(), 0);
    let long = [1; CAPACITY + 1];
    assert!(paged.forward(&[Part { sequence: 9, tokens: &long, rows: 0 }]).is_err());
}
