//! The identity matrix: nothing differs where all is right, and what is nearly right is found.

use crate::reordered::{REORDERED, reorder};
use crate::support::{CAPACITY, MODELS, best, load_with_cache};
use hefu_cpu::Pool;
use hefu_engine::FinishReason;
use hefu_engine::selftest::{
    Arrival, Extent, Guesses, Layout, Place, Questions, Scheduled, Tally, Trace, Way, answers, questions, ways,
};
use hefu_numerics::device::Device;
use hefu_numerics::kv::Profile;
use hefu_numerics::reference::{AlteredDevice, ReferenceDevice};
use std::sync::Arc;

const ASKED: Questions = Questions { count: 6, longest: 100, answer: 10, whole: 2 };

/// Runs ways on a device against the naive loops.
fn compare(tally: &mut Tally, name: &str, cache: Profile, device: Arc<dyn Device>, ways: &[Way]) {
    let model = load_with_cache(name, Arc::new(ReferenceDevice), cache);
    let (asked, vocabulary) = (questions(ASKED, model.program.vocabulary), model.program.vocabulary);
    let expected = answers(&model, Way::Plain, &asked, CAPACITY).unwrap();
    let model = load_with_cache(name, Arc::clone(&device), cache);
    for way in ways {
        let found = answers(&model, *way, &asked, CAPACITY);
        tally.add(&format!("{name}, {}, {way}", device.name()), &asked, &expected, &found, vocabulary);
    }
}

#[test]
fn no_bit_differs_in_any_way() {
    let mut tally = Tally::default();
    let (full, quick) = (ways(Extent::Full), ways(Extent::Quick));
    for (name, cache) in MODELS.into_iter().flat_map(|name| Profile::ALL.map(|cache| (name, cache))) {
        let is_full = ["tiny-qwen2", "tiny-qwen35"].contains(&name) && cache == Profile::F16;
        let tried = if is_full { &full } else { &quick };
        compare(&mut tally, name, cache, best(), tried);
        compare(&mut tally, name, cache, Arc::new(ReferenceDevice), &quick[..3]);
    }
    let two_threads = hefu_cpu::select::best().device(Arc::new(Pool::new(2)));
    compare(&mut tally, "tiny-llama-q4_k", Profile::F16, two_threads, &quick);
    assert!(tally.is_clean(), "{}", tally.differences[0]);
    assert_eq!(tally.differing_bits, 0);
    assert_eq!(tally.combinations as usize, 2 * full.len() + 14 * quick.len() + 15 * 3);
    assert!(tally.logits > 1_000_000 && tally.tokens > 10_000, "{tally:?} proves little");
}

#[test]
fn products_that_add_in_another_order_are_found_in_every_model() {
    for name in MODELS {
        let mut tally = Tally::default();
        let tried = ways(Extent::Quick);
        compare(&mut tally, name, Profile::F16, Arc::new(REORDERED), &tried);
        assert!(tally.differing_bits > 0, "{name}: {:?}", tally.differences);
        assert_eq!(tally.differing_combinations, tried.len() as u64, "{name}");
        let first = &tally.differences[0];
        let (place, expected, found) = first.at.unwrap();
        assert!(matches!(place, Place::Logit { .. }) && expected != found);
        let sentence = first.to_string();
        let bits = format!("({found:#010x}) and must be");
        assert!(sentence.contains("reordered, batch") && sentence.contains(&bits), "{sentence}");
    }
}

/// A device whose results depend on how many tokens come at once: right alone, wrong in a batch.
const SHAKY: AlteredDevice = AlteredDevice {
    name: "shaky",
    alter: |op, given, out| {
        if given.rows >= 20 {
            reorder(op, given, out);
        }
    },
};

#[test]
fn a_device_that_is_right_in_small_batches_alone_is_found_by_large_ones() {
    let large = Scheduled {
        batch: 8,
        arrival: Arrival::AtOnce,
        reuse: true,
        chunk: 64,
        layout: Layout::Scattered,
        guesses: Guesses::Off,
    };
    let small = Way::Scheduled(Scheduled { batch: 1, reuse: false, chunk: 7, layout: Layout::Plain, ..large });
    let large = Way::Scheduled(large);
    let mut tally = Tally::default();
    compare(&mut tally, "tiny-qwen2", Profile::F16, Arc::new(SHAKY), &[small, large]);
    assert_eq!((tally.combinations, tally.differing_combinations), (2, 1), "{:?}", tally.differences);
    assert!(tally.differences.iter().all(|difference| difference.combination.contains("batch 8")));
}

#[test]
fn everything_that_differs_is_counted_and_named() {
    let asked = questions(Questions { count: 1, longest: 16, answer: 4, whole: 1 }, 10);
    let right = Trace { tokens: vec![1, 2, 3], logits: vec![7; 20], finish: Some(FinishReason::MaxTokens) };
    let tally = |found: Result<Vec<Trace>, String>| {
        let mut tally = Tally::default();
        tally.add("here", &asked, std::slice::from_ref(&right), &found, 10);
        tally
    };
    let same = tally(Ok(vec![right.clone(), right.clone()]));
    assert!(same.is_clean());
    assert_eq!((same.combinations, same.answers, same.tokens, same.logits), (1, 2, 6, 40));
    let mut logit = right.clone();
    logit.logits[13] = 4;
    let found = tally(Ok(vec![right.clone(), logit]));
    assert_eq!((found.differing_bits, found.differing_combinations), (2, 1));
    assert_eq!(found.differences[0].at, Some((Place::Logit { position: 1, token: 3 }, 7, 4)));
    let token = tally(Ok(vec![Trace { tokens: vec![1, 3, 3], ..right.clone() }]));
    assert_eq!(token.differences[0].at, Some((Place::Token { index: 1 }, 2, 3)));
    let short = tally(Ok(vec![Trace { tokens: vec![1, 2], ..right.clone() }]));
    assert_eq!((short.differing_bits, short.is_clean()), (32, false));
    let ended = tally(Ok(vec![Trace { finish: Some(FinishReason::Context), ..right.clone() }]));
    assert_eq!((ended.differing_bits, ended.is_clean()), (0, false));
    assert!(tally(Ok(vec![])).differences[0].to_string().contains("0 answers"));
    assert!(tally(Err("not a number".to_owned())).differences[0].to_string().contains("here: not a number"));
}
