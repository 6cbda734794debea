//! Answers of a model that can be predicted, examined as they are and with something changed.

use super::*;
use crate::constraint::ConstraintError;
use crate::generation::tests::{Fake, VOCABULARY, row};
use crate::generation::{Generation, Step as Made};
use crate::sampling::{Dry, Parameters, TokenMask};
use hefu_numerics::ops::Alone;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Positions of every cache here.
const CONTEXT: usize = 40;

/// Threads one after another: which of them comes first must not matter.
struct Reversed(usize);

impl Team for Reversed {
    fn threads(&self) -> usize {
        self.0
    }

    fn run(&self, job: &(dyn Fn(usize) + Sync)) {
        (0..self.0).rev().for_each(job);
    }
}

/// Allows tokens of one parity in turn; after `forces_after` tokens forces two, and after `length` tokens is over.
#[derive(Clone, Debug)]
struct Turns {
    taken: Vec<u32>,
    forces_after: usize,
    length: usize,
}

impl Turns {
    fn boxed(forces_after: usize, length: usize) -> Option<Box<dyn Constraint>> {
        Some(Box::new(Turns { taken: Vec::new(), forces_after, length }))
    }
}

impl Constraint for Turns {
    fn mask(&mut self) -> Result<Option<TokenMask>, ConstraintError> {
        let parity = self.taken.len() as u32 % 2;
        let all = (0..VOCABULARY as u32).filter(|id| id % 2 == parity);
        Ok(Some(if self.may_end() { TokenMask::default() } else { all.collect() }))
    }

    fn accept(&mut self, id: u32) -> Result<(), ConstraintError> {
        self.taken.push(id);
        Ok(())
    }

    fn forced(&mut self) -> Vec<u32> {
        if self.taken.len() == self.forces_after { vec![9, 9] } else { Vec::new() }
    }

    fn may_end(&mut self) -> bool {
        self.taken.len() >= self.length
    }
}

fn request(kind: usize, seed: u64, prompt: usize) -> Request {
    let sampled = Parameters { temperature: 1.5, min_p: 0.0, seed, ..Parameters::default() };
    let parameters = match kind {
        0 => Parameters::greedy(),
        1 => sampled,
        2 => Parameters { repetition_penalty: 1.3, frequency_penalty: 0.5, repeat_last_n: 7, ..sampled },
        _ => Parameters { dry: Dry { multiplier: 3.0, ..Dry::default() }, ..sampled },
    };
    Request {
        prompt: (0..prompt as u32).map(|at| at * 7 % VOCABULARY as u32).collect(),
        parameters,
        end_tokens: BTreeSet::from([10]),
        max_tokens: (seed.is_multiple_of(2)).then_some(12),
        prefill_chunk: 4,
        all_logits: false,
    }
}

fn answer(request: &Request, constraint: Option<Box<dyn Constraint>>) -> Claim {
    let mut session = Fake::session(CONTEXT);
    let mut generation = Generation::start_constrained(&mut session, request.clone(), constraint).unwrap();
    let mut output = Vec::new();
    loop {
        match generation.step().unwrap() {
            Made::Prefill { .. } => {}
            Made::Token(choice) => output.push(choice.id),
            Made::Finished(finish) => {
                return Claim { request: request.clone(), output, finish: Some(finish), context: CONTEXT };
            }
        }
    }
}

fn verdict(claim: &Claim, constraint: Option<Box<dyn Constraint>>, how: How, threads: usize) -> Verdict {
    let mut session = Fake::session(CONTEXT);
    let mut verification = Verification::start(&mut session, claim.clone(), constraint, how).unwrap();
    for _ in 0..=CONTEXT {
        if let Step::Finished(verdict) = verification.step(&Reversed(threads)).unwrap() {
            return verdict;
        }
    }
    panic!("more steps than positions");
}

proptest! {
    #[test]
    fn an_answer_matches_and_its_first_change_is_found(
        kind in 0_usize..4,
        seed in 0_u64..1000,
        prompt in 1_usize..30,
        chunk in 1_usize..50,
        threads in 1_usize..5,
        change in any::<prop::sample::Index>(),
        to in 1_u32..VOCABULARY as u32,
    ) {
        let mut claim = answer(&request(kind, seed, prompt), None);
        claim.request.prefill_chunk = chunk;
        let count = claim.output.len();
        for how in [How::Prefill, How::Steps] {
            prop_assert_eq!(verdict(&claim, None, how, threads), Verdict::Matches { chosen: count, forced: 0 });
        }
        let at = change.index(count);
        let right = claim.output[at];
        claim.output[at] = (right + to) % VOCABULARY as u32;
        let found = [How::Prefill, How::Steps].map(|how| verdict(&claim, None, how, threads));
        prop_assert_eq!(&found[0], &found[1]);
        let before = [&claim.request.prompt[..], &claim.output[..at]].concat();
        let candidate = |id: u32| Candidate { id, logit: Some(row(&before)[id as usize]) };
        prop_assert_eq!(&found[0], &Verdict::Differs(Difference {
            index: at,
            position: before.len(),
            claimed: candidate(claim.output[at]),
            chosen: Some(candidate(right)),
            forced: false,
        }));
    }

    #[test]
    fn a_grammar_is_gone_through_again(
        seed in 0_u64..1000,
        forces_after in 0_usize..9,
        length in 1_usize..9,
        chunk in 1_usize..9,
        change in any::<prop::sample::Index>(),
    ) {
        let grammar = || Turns::boxed(forces_after, length);
        let asked = Request { max_tokens: None, end_tokens: BTreeSet::new(), ..request(1, seed, 5) };
        let mut claim = answer(&asked, grammar());
        prop_assert_eq!(claim.finish, Some(Finish::Complete));
        claim.request.prefill_chunk = chunk;
        let forced = if forces_after <= length { 2 } else { 0 };
        let expected = Verdict::Matches { chosen: claim.output.len() - forced, forced };
        for how in [How::Prefill, How::Steps] {
            prop_assert_eq!(&verdict(&claim, grammar(), how, 2), &expected);
        }
        // Longer than the grammar allows.
        let mut longer = claim.clone();
        longer.output.push(1);
        match verdict(&longer, grammar(), How::Prefill, 2) {
            Verdict::Differs(difference) => {
                prop_assert_eq!((difference.index, difference.chosen), (claim.output.len(), None));
            }
            other => prop_assert!(false, "{:?}", other),
        }
        // A token that the grammar never allows there.
        let at = change.index(claim.output.len());
        claim.output[at] = match claim.output[at] {
            9 => 8,
            10 => 9,
            id => id ^ 1,
        };
        match verdict(&claim, grammar(), How::Prefill, 2) {
            Verdict::Differs(difference) => prop_assert_eq!(difference.index, at),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

#[test]
fn what_is_said_of_the_end_must_follow_from_the_tokens() {
    let claim = answer(&Request { max_tokens: Some(6), end_tokens: BTreeSet::new(), ..request(0, 0, 3) }, None);
    assert_eq!((claim.finish, claim.output.len()), (Some(Finish::MaxTokens), 6));
    let says = |change: &dyn Fn(&mut Claim)| {
        let mut changed = claim.clone();
        change(&mut changed);
        match verdict(&changed, None, How::Prefill, 1) {
            Verdict::EndsOtherwise(sentence) => sentence,
            other => panic!("{other:?}"),
        }
    };
    assert!(says(&|claim| claim.finish = Some(Finish::EndToken)).contains("as many tokens as were asked for"));
    assert!(says(&|claim| claim.finish = Some(Finish::Context)).contains("because the context was full"));
    assert!(says(&|claim| claim.request.max_tokens = Some(5)).contains("at most 5"));
    assert!(says(&|claim| claim.request.max_tokens = None).contains("before it is complete"));
    assert!(says(&|claim| claim.output.truncate(4)).contains("before it is complete"));
    let end = claim.output[2];
    assert!(says(&|claim| claim.request.end_tokens = BTreeSet::from([end])).contains("token 2 of the answer ends it"));
    // Whoever asked may have gone away at any time, also before the first token.
    for length in [0, 4] {
        let mut stopped = Claim { finish: None, ..claim.clone() };
        stopped.output.truncate(length);
        assert_eq!(verdict(&stopped, None, How::Prefill, 1), Verdict::Matches { chosen: length, forced: 0 });
    }
}

#[test]
fn a_claim_that_could_not_be_carried_out_is_refused() {
    let claim = answer(&Request { end_tokens: BTreeSet::new(), ..request(0, 0, 3) }, None);
    let refused = |change: &dyn Fn(&mut Claim), capacity: usize| {
        let mut changed = claim.clone();
        change(&mut changed);
        let mut session = Fake::session(capacity);
        Verification::start(&mut session, changed, None, How::Prefill).map(|_| ()).unwrap_err()
    };
    let unknown = refused(&|claim| claim.output[0] = 11, CONTEXT);
    assert_eq!(unknown, Error::UnknownToken { id: 11, vocabulary: VOCABULARY });
    assert!(matches!(refused(&|claim| claim.request.prompt.clear(), CONTEXT), Error::Request(_)));
    let tokens = claim.request.prompt.len() + claim.output.len();
    let short = tokens - 1;
    assert_eq!(refused(&|claim| claim.context = short, CONTEXT), Error::TooLong { tokens, context: short });
    assert!(matches!(refused(&|_| {}, 5), Error::TooLong { context: 5, .. }));
    // A model that fails fails the verification; it never says that the answer is wrong.
    let mut session = Session::new(Fake::new(6));
    let mut verification = Verification::start(&mut session, claim, None, How::Steps).unwrap();
    let failed = (0..CONTEXT).find_map(|_| verification.step(&Alone).err());
    assert!(matches!(failed, Some(Error::Model(_))));
}
