//! Groups of a fake model: every answer is the one that its request has alone, whoever else is there.

use super::*;
use crate::forward::Session;
use crate::generation::tests::{Fake, Fault, VOCABULARY, request, row};
use crate::generation::{Finish, Generation};
use crate::sampling::Parameters;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Many sequences with room for so many positions together.
#[derive(Debug)]
struct Many {
    sequences: BTreeMap<usize, Vec<u32>>,
    room: usize,
    kept: Vec<Vec<u32>>,
    logits: Vec<f32>,
    /// Logits after this token are faulty.
    poison: Option<u32>,
    calls: usize,
}

impl Many {
    fn new(room: usize) -> Many {
        Many { sequences: BTreeMap::new(), room, kept: Vec::new(), logits: Vec::new(), poison: None, calls: 0 }
    }
}

impl ForwardMany for Many {
    type Error = Fault;

    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn capacity(&self) -> usize {
        64
    }

    fn truncate(&mut self, sequence: usize, length: usize) {
        self.sequences.entry(sequence).or_default().truncate(length);
    }

    fn forward(&mut self, parts: &[Part<'_>]) -> Result<(), Fault> {
        let used: usize = self.sequences.values().map(Vec::len).sum();
        if used + parts.iter().map(|part| part.tokens.len()).sum::<usize>() > self.room {
            return Err(Fault);
        }
        self.calls += 1;
        self.kept.clear();
        for part in parts {
            assert!(!part.tokens.is_empty() && part.rows <= part.tokens.len());
            let text = self.sequences.entry(part.sequence).or_default();
            text.extend_from_slice(part.tokens);
            let first = text.len() - part.rows;
            self.kept.extend((first..text.len()).map(|at| text[..=at].to_vec()));
        }
        Ok(())
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Fault> {
        let texts = &self.kept[rows];
        if texts.iter().any(|text| text.last().copied() == self.poison) {
            return Err(Fault);
        }
        self.logits = texts.iter().flat_map(|text| row(text)).collect();
        Ok(&self.logits)
    }
}

/// What a member got: tokens, logits in order, end.
type Got = (Vec<u32>, Vec<f32>, Option<Finish>);

fn alone(request: Request) -> Got {
    let mut session: Session<Fake> = Fake::session(64);
    let mut generation = Generation::start(&mut session, request).unwrap();
    let mut got: Got = Default::default();
    loop {
        let before = got.0.len();
        match generation.step().unwrap() {
            Step::Prefill { .. } => {}
            Step::Token(choice) => got.0.push(choice.id),
            Step::Finished(finish) => {
                got.2 = Some(finish);
                return got;
            }
        }
        if before > 0 || got.0.is_empty() {
            let rows = generation.rows();
            got.1.extend_from_slice(generation.logits(0..rows).unwrap());
        }
    }
}

fn note(group: &mut Group<Many>, events: Vec<Event<Fault>>, all: &mut BTreeMap<Key, Got>) {
    for event in events {
        let got = all.get_mut(&event.key).unwrap();
        match event.step.unwrap() {
            Step::Prefill { .. } => got.1.extend_from_slice(group.logits(event.rows).unwrap()),
            Step::Token(choice) => {
                // The first token's logits are the last of the prompt.
                if !got.0.is_empty() {
                    got.1.extend_from_slice(group.logits(event.rows).unwrap());
                }
                got.0.push(choice.id);
            }
            Step::Finished(finish) => got.2 = Some(finish),
        }
    }
}

proptest! {
    #[test]
    fn an_answer_is_the_one_alone(
        plans in prop::collection::vec(
            (prop::collection::vec(0..VOCABULARY as u32, 1..20), 0_u64..99, 1_usize..9, 0_usize..6, any::<bool>()), 1..12),
        prefill in 0_usize..30,
    ) {
        let mut group = Group::new(Many::new(usize::MAX));
        let mut expected = BTreeMap::new();
        let mut found: BTreeMap<Key, Got> = BTreeMap::new();
        let mut plans = plans.into_iter();
        loop {
            // One joins every step, while the others are somewhere in their prompt or answer.
            if let Some((prompt, seed, max_tokens, prefill_chunk, all_logits)) = plans.next() {
                let parameters = Parameters { seed, ..Parameters::default() };
                let max_tokens = Some(max_tokens);
                let asked = Request { parameters, max_tokens, prefill_chunk, all_logits, ..request(&prompt) };
                let key = group.join(asked.clone()).unwrap();
                expected.insert(key, alone(asked));
                found.insert(key, Got::default());
            } else if group.is_empty() {
                break;
            }
            let events = group.step(prefill).unwrap();
            note(&mut group, events, &mut found);
        }
        prop_assert_eq!(found, expected);
        prop_assert!(group.model().sequences.values().all(Vec::is_empty));
    }
}

#[test]
fn one_pass_serves_all() {
    let mut group = Group::new(Many::new(usize::MAX));
    for first in 0..10 {
        group.join(request(&[first, 1])).unwrap();
    }
    while !group.is_empty() {
        group.step(1000).unwrap();
    }
    // Six tokens each: the prompt gives the first.
    assert_eq!(group.model().calls, 6);
}

#[test]
fn a_full_cache_leaves_everybody_where_they_were() {
    let mut group = Group::new(Many::new(9));
    let (first, second) = (group.join(request(&[1, 2, 3, 4])).unwrap(), group.join(request(&[5, 6, 7, 8])).unwrap());
    let mut found = BTreeMap::from([(first, Got::default()), (second, Got::default())]);
    for _ in 0..2 {
        match group.step(8) {
            Ok(events) => note(&mut group, events, &mut found),
            Err(error) => assert_eq!(error, Error::Model(Fault)),
        }
    }
    group.leave(second);
    assert_eq!(group.len(), 1);
    while !group.is_empty() {
        let events = group.step(8).unwrap();
        note(&mut group, events, &mut found);
    }
    assert_eq!(found.remove(&first), Some(alone(request(&[1, 2, 3, 4]))));
}

#[test]
fn one_members_fault_is_not_anothers() {
    let mut group = Group::new(Many { poison: Some(9), ..Many::new(usize::MAX) });
    let good = group.join(Request { max_tokens: Some(1), ..request(&[1, 2]) }).unwrap();
    let bad = group.join(Request { max_tokens: Some(1), ..request(&[1, 9]) }).unwrap();
    let events = group.step(100).unwrap();
    let of = |key| events.iter().rfind(|event| event.key == key).unwrap();
    assert_eq!(of(good).step, Ok(Step::Finished(Finish::MaxTokens)));
    assert_eq!(of(bad).step, Err(Error::Model(Fault)));
    assert!(group.is_empty());
    assert_eq!(group.join(request(&[11])).unwrap_err(), Error::UnknownToken { id: 11, vocabulary: VOCABULARY });
}
