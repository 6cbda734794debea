//! Speculation against the fake model of the generation's tests: whatever is guessed, nothing but the time changes.

use super::*;
use crate::forward::Session;
use crate::generation::tests::{Fake, VOCABULARY, request};
use crate::generation::{Finish, Generation, Request, Step};
use crate::sampling::Dry;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Guesses the true answer, but for the places that are to be wrong.
#[derive(Debug)]
struct Oracle {
    text: Vec<u32>,
    wrong: Vec<bool>,
}

impl Drafter for Oracle {
    fn draft(&mut self, context: &Context<'_>, most: usize, guesses: &mut Vec<u32>) -> Evidence {
        for at in context.tokens.len()..context.tokens.len() + most {
            let truth = self.text.get(at).copied().unwrap_or(VOCABULARY as u32 + 5);
            let is_wrong = self.wrong[at % self.wrong.len()];
            guesses.push(if is_wrong { (truth + 1) % VOCABULARY as u32 } else { truth });
        }
        Evidence::default()
    }

    fn is_free(&self) -> bool {
        true
    }
}

type Answer = (Vec<u32>, Finish, Vec<f32>, Vec<u32>);

/// Tokens, end, the logits of every step, and what is in the cache after it.
fn answer(capacity: usize, request: Request, guessing: Option<(&mut dyn Drafter, &mut Gauge)>) -> (Answer, usize) {
    let mut session = Fake::session(capacity);
    let mut generation = Generation::start(&mut session, request).unwrap();
    if let Some((drafter, gauge)) = guessing {
        generation = generation.speculating(drafter, gauge);
    }
    let (mut tokens, mut logits) = (Vec::new(), Vec::new());
    let finish = loop {
        let before = tokens.len();
        match generation.step().unwrap() {
            Step::Prefill { .. } => {}
            Step::Token(choice) => tokens.push(choice.id),
            Step::Finished(finish) => break finish,
        }
        if before > 0 || tokens.is_empty() {
            let rows = generation.rows();
            logits.extend_from_slice(generation.logits(0..rows).unwrap());
        }
    };
    let calls = session.model().calls;
    ((tokens, finish, logits, session.cached().to_vec()), calls)
}

fn settings(kind: usize, seed: u64) -> Parameters {
    let sampled = Parameters { temperature: 1.0, seed, ..Parameters::default() };
    match kind {
        0 => Parameters::greedy(),
        1 => sampled,
        2 => Parameters { repetition_penalty: 1.5, frequency_penalty: 0.7, repeat_last_n: -1, ..sampled },
        _ => Parameters { dry: Dry { multiplier: 3.0, ..Dry::default() }, ..sampled },
    }
}

proptest! {
    #[test]
    fn no_guess_changes_an_answer(
        prompt in prop::collection::vec(0..VOCABULARY as u32, 1..12),
        (kind, seed) in (0_usize..4, 0_u64..9),
        wrong in prop::collection::vec(any::<bool>(), 1..7),
        (most, capacity, max) in (1_usize..9, 14_usize..40, 1_usize..20),
        ends in prop::collection::btree_set(0..VOCABULARY as u32, 0..2),
        always in any::<bool>(),
    ) {
        let asked = Request {
            parameters: settings(kind, seed), end_tokens: ends, max_tokens: Some(max), ..request(&prompt)
        };
        let (expected, _) = answer(capacity, asked.clone(), None);
        let text = [&prompt[..], &expected.0[..]].concat();
        let mut oracle = Oracle { text, wrong };
        let mut draft = DraftModel::new(Fake::new(usize::MAX));
        let mut small = DraftModel::new(Fake { capacity: 10, ..Fake::new(usize::MAX) });
        let drafters: [&mut dyn Drafter; 4] = [&mut oracle, &mut Lookup::new(), &mut draft, &mut small];
        for drafter in drafters {
            let mut gauge = if always { Gauge::always(most) } else { Gauge::measuring(most) };
            let (found, _) = answer(capacity, asked.clone(), Some((drafter, &mut gauge)));
            prop_assert_eq!(&found, &expected);
            prop_assert!(gauge.accepted() <= gauge.drafted());
        }
    }
}

#[test]
fn right_guesses_save_passes_and_are_counted() {
    let asked = || Request { max_tokens: Some(21), parameters: settings(1, 4), ..request(&[1, 2, 3]) };
    let (expected, plain) = answer(64, asked(), None);
    let text = [&[1, 2, 3], &expected.0[..]].concat();
    let mut oracle = Oracle { text, wrong: vec![false] };
    let mut gauge = Gauge::always(4);
    let (found, calls) = answer(64, asked(), Some((&mut oracle, &mut gauge)));
    assert_eq!(found, expected);
    // One pass for the prompt, whose last row gives the first token; then 20 tokens, singly or by fives.
    assert_eq!((plain, calls), (1 + 20, 1 + 4));
    assert_eq!((gauge.drafted(), gauge.accepted()), (16, 16));
    // A draft model that is the model itself is right too, as it draws by the same random numbers.
    let (mut same, mut gauge) = (DraftModel::new(Fake::new(usize::MAX)), Gauge::always(4));
    assert_eq!(answer(64, asked(), Some((&mut same, &mut gauge))).0, expected);
    assert_eq!((gauge.drafted(), gauge.accepted()), (16, 16));
}

#[test]
fn guesses_stop_where_the_answer_must() {
    let asked = || Request { max_tokens: Some(3), end_tokens: BTreeSet::new(), ..request(&[1, 2, 3]) };
    let mut oracle = Oracle { text: Vec::new(), wrong: vec![true] };
    let mut gauge = Gauge::always(8);
    answer(64, asked(), Some((&mut oracle, &mut gauge)));
    // After the first token two are left: one guess can help the second, none the third.
    assert_eq!(gauge.drafted(), 1);
    let mut gauge = Gauge::always(8);
    answer(5, Request { max_tokens: None, ..asked() }, Some((&mut oracle, &mut gauge)));
    assert_eq!(gauge.drafted(), 0);
}

#[test]
fn a_fault_behind_a_wrong_guess_is_not_the_answers() {
    let asked = || Request { parameters: settings(1, 4), max_tokens: Some(12), ..request(&[1, 2, 3]) };
    let (expected, _) = answer(64, asked(), None);
    let text = [&[1, 2, 3], &expected.0[..]].concat();
    // Every sequence that is not the beginning of the true one has a NaN.
    let mut session = Session::new(Fake { truth: Some(text.clone()), ..Fake::new(usize::MAX) });
    let (mut oracle, mut gauge) = (Oracle { text, wrong: vec![false, true, true] }, Gauge::always(6));
    let mut generation = Generation::start(&mut session, asked()).unwrap().speculating(&mut oracle, &mut gauge);
    let mut tokens = Vec::new();
    loop {
        match generation.step().unwrap() {
            Step::Prefill { .. } => {}
            Step::Token(choice) => tokens.push(choice.id),
            Step::Finished(_) => break,
        }
    }
    assert_eq!(tokens, expected.0);
}
