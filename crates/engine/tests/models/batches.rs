//! Batches of 1, 8 and 33 requests on one cache: with pages for all and for hardly one, with and without what earlier
//! requests have left there.

use crate::support::{Answer, CAPACITY, MODELS, alone, best, devices, load, load_with_cache, note, request};
use hefu_engine::scheduler::{
    Event, ForwardMany, Job, Key, Kind, Limits, Paged, Pooling, ReuseDomain, Scheduler, Statistics,
};
use hefu_engine::speculation::{Speculation, SpeculationPolicy};
use hefu_numerics::device::{Batch, Model, Span};
use hefu_numerics::kv::{PAGE, Profile};
use hefu_numerics::program::Entry;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Arrival of requests.
#[derive(Debug, Clone, Copy)]
struct Scene {
    count: usize,
    /// One more arrives at each step, or all at once.
    stagger: bool,
    pages: usize,
    reuse: bool,
    step_tokens: usize,
    /// Most guesses at a time.
    guesses: usize,
}

const SCENES: [Scene; 6] = [
    Scene { count: 1, stagger: false, pages: 3, reuse: false, step_tokens: 200, guesses: 0 },
    Scene { count: 8, stagger: true, pages: 40, reuse: true, step_tokens: 64, guesses: 0 },
    Scene { count: 8, stagger: false, pages: 4, reuse: true, step_tokens: 50, guesses: 4 },
    Scene { count: 33, stagger: true, pages: 140, reuse: true, step_tokens: 256, guesses: 3 },
    Scene { count: 33, stagger: false, pages: 140, reuse: false, step_tokens: 1000, guesses: 0 },
    Scene { count: 33, stagger: true, pages: 9, reuse: true, step_tokens: 100, guesses: 6 },
];

/// The answers to the first requests, each asked twice over.
fn together(model: &Model, scene: Scene) -> (Vec<Answer>, Statistics) {
    let limits = Limits { step_tokens: scene.step_tokens, prefix_reuse: scene.reuse, ..Limits::default() };
    let paged = Paged::new(model, CAPACITY, scene.pages, scene.count).unwrap();
    let speculation = Speculation::lookup(SpeculationPolicy::always(scene.guesses));
    let mut scheduler = Scheduler::new(paged, limits).with_speculation(speculation);
    let (mut keys, mut answers) = (Vec::new(), BTreeMap::<Key, Answer>::new());
    while keys.len() < 2 * scene.count || !scheduler.is_idle() {
        let joining = if scene.stagger { 1 } else { scene.count };
        for number in keys.len()..(2 * scene.count).min(keys.len() + joining) {
            let asked = request(number % scene.count, model.program.vocabulary);
            let (client, priority) = (number as u64 % 3, number as i32 % 2);
            let job = Job { client, domain: ReuseDomain::Group(1), priority, ..Job::new(asked) };
            let key = scheduler.submit(job, Duration::ZERO).unwrap();
            keys.push(key);
            answers.insert(key, Answer::default());
        }
        for update in scheduler.step(Duration::ZERO) {
            let answer = answers.get_mut(&update.key).unwrap();
            note(answer, update, &mut scheduler);
        }
    }
    let statistics = scheduler.statistics();
    assert_eq!(statistics.pages_used, 0);
    (keys.iter().map(|key| answers.remove(key).unwrap()).collect(), statistics)
}

#[test]
fn an_answer_in_a_batch_is_the_one_alone() {
    let (mut preemptions, mut reused, mut accepted) = (0, 0, 0);
    for name in MODELS {
        let tried = devices().into_iter().flat_map(|device| Profile::ALL.map(|cache| (Arc::clone(&device), cache)));
        for (device, cache) in tried {
            let model = load_with_cache(name, Arc::clone(&device), cache);
            let single = |number| alone(&model, CAPACITY, &request(number, model.program.vocabulary));
            let expected: Vec<Answer> = (0..33).map(single).collect();
            assert!(expected.iter().all(|answer| !answer.1.is_empty() || answer.0.len() == 1));
            for scene in SCENES {
                let (found, statistics) = together(&model, scene);
                preemptions += statistics.preemptions;
                reused += statistics.prompt_tokens_reused;
                accepted += statistics.accepted_tokens;
                for (number, found) in found.iter().enumerate() {
                    let what = format!("{name}, {}, {}, request {number}, {scene:?}", device.name(), cache.name());
                    let expected = &expected[number % scene.count];
                    assert_eq!(found.0, expected.0, "tokens of {what}");
                    assert!(found.1 == expected.1, "logits of {what}");
                    assert_eq!(found.2, expected.2, "end of {what}");
                }
            }
        }
    }
    let counts = format!("{preemptions} preemptions, {reused} reused tokens, {accepted} right guesses");
    assert!(preemptions > 10 && reused > 1000 && accepted > 100, "{counts} prove little");
}

/// The vector of a prompt, computed with others or alone.
fn vectors(model: &Model, step_tokens: usize, pooling: Pooling, numbers: &[usize]) -> Vec<Vec<u32>> {
    let limits = Limits { step_tokens, ..Limits::default() };
    let mut scheduler = Scheduler::new(Paged::new(model, CAPACITY, 30, numbers.len()).unwrap(), limits);
    let width = model.program.value(model.program.section(Entry::Hidden).unwrap().output).width;
    let mut found = BTreeMap::new();
    for &number in numbers {
        let asked = request(number, model.program.vocabulary);
        found.insert(
            scheduler.submit(Job::new(asked).with_kind(Kind::Embedding(pooling)), Duration::ZERO).unwrap(),
            vec![],
        );
    }
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            if let Event::Embedding(vector) = update.event {
                let length: f32 = vector.iter().map(|x| x * x).sum();
                assert!((length - 1.0).abs() < 1e-5 && vector.len() == width, "{length}");
                found.insert(update.key, vector.iter().map(|x| x.to_bits()).collect());
            }
        }
    }
    found.into_values().collect()
}

#[test]
fn a_vector_is_the_same_in_a_batch_and_alone() {
    let model = load("tiny-gemma3", best());
    for pooling in [Pooling::Mean, Pooling::Last] {
        let numbers: Vec<usize> = (0..12).collect();
        let alone: Vec<Vec<u32>> =
            numbers.iter().flat_map(|number| vectors(&model, 512, pooling, &[*number])).collect();
        assert_eq!(vectors(&model, 512, pooling, &numbers), alone);
        assert_eq!(vectors(&model, 7, pooling, &numbers), alone);
        let all: std::collections::BTreeSet<_> = alone.into_iter().collect();
        assert_eq!(all.len(), numbers.len(), "different texts, different vectors");
    }
}

#[test]
fn a_span_without_pages_or_room_is_refused() {
    let model = load("tiny-qwen2", best());
    let mut paged = Paged::new(&model, CAPACITY, 3, 1).unwrap();
    let tokens = [1; PAGE + 1];
    let mut forward = |tokens: &[u32], position: usize, pages: &[u32]| {
        let tables = vec![pages; paged.groups()];
        let span = Span { rows: 0..tokens.len(), position, wanted: 0..0, tables: &tables, slots: None, second: None };
        paged.forward(&Batch { tokens, spans: &[span], inputs: &[] })
    };
    forward(&tokens, 0, &[2, 0]).unwrap();
    assert!(forward(&tokens, 0, &[2]).is_err());
    assert!(forward(&tokens, 0, &[2, 3]).is_err());
    assert!(forward(&[1], model.program.context, &[0; 1 << 12]).is_err());
    assert!(paged.copy_page(0, 3).is_err());
    assert!(Paged::new(&model, model.program.context + 1, 3, 1).is_err());
}
