//! Models that read a text as a whole: several texts go through a pass together, and each has the vector and the scores that
//! it has alone.

use crate::support::{best, devices, load};
use hefu_engine::sampling::Parameters;
use hefu_engine::scheduler::{Event, ForwardMany, Job, Kind, Limits, Paged, Pooling, Refusal, Scheduler};
use hefu_engine::{Request, RequestError};
use hefu_numerics::device::{Batch, Model, Span};
use hefu_numerics::program::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Texts of many lengths, one of which fills the context.
const LENGTHS: [usize; 9] = [1, 7, 40, 3, 128, 64, 2, 65, 19];

fn text(number: usize, model: &Model) -> Request {
    let token = |at: usize| ((number * 7 + at * 31) % model.program.vocabulary) as u32;
    Request {
        prompt: (0..LENGTHS[number]).map(token).collect(),
        parameters: Parameters::default(),
        end_tokens: BTreeSet::new(),
        max_tokens: None,
        prefill_chunk: 5,
        all_logits: false,
    }
}

/// Outcomes of these kinds of jobs for all texts, by a scheduler whose passes have so many tokens.
fn together(model: &Model, step_tokens: usize, kind: impl Fn(usize) -> Kind) -> Vec<Vec<f32>> {
    let limits = Limits { step_tokens, ..Limits::default() };
    let mut scheduler = Scheduler::new(Paged::new(model, model.program.context, 1, 4).unwrap(), limits);
    let submit = |number: usize| {
        let job = Job { client: number as u64 % 2, ..Job::new(text(number, model)).with_kind(kind(number)) };
        (scheduler.submit(job, Duration::ZERO).unwrap(), Vec::new())
    };
    let mut found: BTreeMap<_, _> = (0..LENGTHS.len()).map(submit).collect();
    while !scheduler.is_idle() {
        for update in scheduler.step(Duration::ZERO) {
            match update.event {
                Event::Embedding(row) | Event::Ranked(row) => _ = found.insert(update.key, row),
                Event::Failed(failure) => panic!("{failure}"),
                _ => {}
            }
        }
    }
    assert!(step_tokens < 300 || scheduler.statistics().steps < 9, "texts go together");
    found.into_values().collect()
}

/// All rows of a head for one text alone.
fn rows(model: &Model, tokens: &[u32], second: Option<usize>, entry: Entry) -> Vec<f32> {
    let mut paged = Paged::new(model, model.program.context, 1, 1).unwrap();
    let all = 0..tokens.len();
    let span = Span { rows: all.clone(), position: 0, wanted: all.clone(), tables: &[], slots: None, second };
    paged.forward(&Batch { tokens, spans: &[span], inputs: &[] }).unwrap();
    paged.executable().head(entry, all).unwrap().to_vec()
}

#[test]
fn the_vector_of_a_whole_text_is_that_of_the_text_alone() {
    for name in ["tiny-bert", "tiny-nomic-bert-moe", "tiny-jina-bert-v3", "tiny-modern-bert", "tiny-gemma-embedding"] {
        let mut of_devices = Vec::new();
        for device in devices() {
            let model = load(name, device);
            let width = model.program.value(model.program.section(Entry::Hidden).unwrap().output).width;
            for pooling in [Pooling::Mean, Pooling::First, Pooling::Last] {
                let expected: Vec<Vec<f32>> = (0..LENGTHS.len())
                    .map(|number| {
                        pooled(&rows(&model, &text(number, &model).prompt, None, Entry::Hidden), width, pooling)
                    })
                    .collect();
                for step_tokens in [1, 70, 512] {
                    let found = together(&model, step_tokens, |_| Kind::Embedding(pooling));
                    assert!(found == expected, "{name}, {pooling:?}, {step_tokens} tokens at once");
                }
                of_devices.push(expected);
            }
        }
        let (first, second) = of_devices.split_at(3);
        assert!(first == second, "{name}: the devices differ");
    }
}

/// The direction of the sum of the rows that count.
fn pooled(rows: &[f32], width: usize, pooling: Pooling) -> Vec<f32> {
    let counted: Vec<&[f32]> = match pooling {
        Pooling::Mean => rows.chunks(width).collect(),
        Pooling::First => rows.chunks(width).take(1).collect(),
        Pooling::Last => rows.chunks(width).last().into_iter().collect(),
    };
    let sums = (0..width).map(|at| counted.iter().map(|row| f64::from(row[at])).sum::<f64>());
    let sums: Vec<f64> = sums.collect();
    let length = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    sums.iter().map(|sum| (sum / length) as f32).collect()
}

#[test]
fn the_scores_of_a_pair_are_those_of_the_pair_alone() {
    let second = |number: usize| number.is_multiple_of(2).then_some(LENGTHS[number] / 2);
    for device in devices() {
        let model = load("tiny-bert-rank", device);
        let of = |number: usize, second| rows(&model, &text(number, &model).prompt, second, Entry::Rank)[..1].to_vec();
        let expected: Vec<Vec<f32>> = (0..LENGTHS.len()).map(|number| of(number, second(number))).collect();
        for step_tokens in [1, 512] {
            let found = together(&model, step_tokens, |number| Kind::Rank { second: second(number) });
            assert_eq!(found, expected);
        }
        assert_ne!(expected[2], of(2, None), "a second text is told from the first");
    }
}

#[test]
fn what_a_model_cannot_do_is_refused() {
    let model = load("tiny-bert", best());
    let capacity = model.program.context;
    let mut scheduler = Scheduler::new(Paged::new(&model, capacity, 1, 4).unwrap(), Limits::default());
    let mut refusal = |kind, tokens: usize| {
        let request = Request { prompt: vec![5; tokens], ..text(0, &model) };
        scheduler.submit(Job::new(request).with_kind(kind), Duration::ZERO).map(drop)
    };
    let invalid = |error| Err(Refusal::Invalid(error));
    assert_eq!(refusal(Kind::Answer, 3), invalid(RequestError::WritesNothing));
    assert_eq!(refusal(Kind::Likelihoods { from: 1 }, 3), invalid(RequestError::WritesNothing));
    assert_eq!(refusal(Kind::Rank { second: None }, 3), invalid(RequestError::RanksNothing));
    assert_eq!(refusal(Kind::Embedding(Pooling::Mean), capacity), Ok(()));
    let long = RequestError::TooLong { tokens: capacity + 1, context: capacity };
    assert_eq!(refusal(Kind::Embedding(Pooling::Mean), capacity + 1), invalid(long));
}
