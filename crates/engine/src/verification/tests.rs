//! Answers of a model that can be predicted, examined as they are and with something changed.

use super::*;
use crate::constraint::ConstraintError;
use crate::sampling::{Dry, Parameters, TokenMask};
use crate::scheduler::{Event, Job, Limits, Refusal, Scheduler};
use crate::sim::fake::{Fake, POISON, VOCABULARY, row};
use crate::witness;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// Positions of every cache here.
const CONTEXT: usize = 40;

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
    let found = witness::answer(&mut Fake::new(CONTEXT, 1, CONTEXT).sound(), request, constraint, None);
    let output = found.choices.iter().map(|choice| choice.id).collect();
    Claim { request: request.clone(), output, finish: found.finish.unwrap(), context: CONTEXT }
}

/// The last events of an examination.
fn examined(model: Fake, job: Job) -> Result<Vec<Event>, Refusal> {
    let limits = Limits { step_tokens: 1000, prefix_reuse: false, ..Limits::default() };
    let mut scheduler = Scheduler::new(model, limits);
    scheduler.submit(job, Duration::ZERO)?;
    let mut events = Vec::new();
    while !scheduler.is_idle() {
        events.extend(scheduler.step(Duration::ZERO).into_iter().map(|update| update.event));
        scheduler.check();
    }
    Ok(events)
}

fn verdict(claim: &Claim, constraint: Option<Box<dyn Constraint>>, how: How, threads: usize) -> Verdict {
    let model = Fake::new(CONTEXT, 1, CONTEXT).sound().with_threads(threads);
    let events = examined(model, claim.clone().job(constraint, how)).unwrap();
    match &events[events.len() - 2..] {
        [Event::Verdict(verdict), Event::Finished(FinishReason::Complete)] => verdict.clone(),
        other => panic!("{other:?}"),
    }
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
        prop_assert_eq!(claim.finish, FinishReason::Complete);
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
    assert_eq!((claim.finish, claim.output.len()), (FinishReason::MaxTokens, 6));
    let says = |change: &dyn Fn(&mut Claim)| {
        let mut changed = claim.clone();
        change(&mut changed);
        match verdict(&changed, None, How::Prefill, 1) {
            Verdict::EndsOtherwise(sentence) => sentence,
            other => panic!("{other:?}"),
        }
    };
    assert!(says(&|claim| claim.finish = FinishReason::EndToken).contains("as many tokens as were asked for"));
    assert!(says(&|claim| claim.finish = FinishReason::Context).contains("because the context was full"));
    assert!(says(&|claim| claim.request.max_tokens = Some(5)).contains("at most 5"));
    assert!(says(&|claim| claim.request.max_tokens = None).contains("before it is complete"));
    assert!(says(&|claim| claim.output.truncate(4)).contains("before it is complete"));
    let end = claim.output[2];
    assert!(says(&|claim| claim.request.end_tokens = BTreeSet::from([end])).contains("token 2 of the answer ends it"));
    // Whoever asked may have gone away at any time, also before the first token.
    for length in [0, 4] {
        let mut stopped = Claim { finish: FinishReason::StopString, ..claim.clone() };
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
        match examined(Fake::new(capacity, 1, capacity), changed.job(None, How::Prefill)) {
            Err(Refusal::Invalid(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let unknown = refused(&|claim| claim.output[0] = VOCABULARY as u32, CONTEXT);
    assert_eq!(unknown, RequestError::UnknownToken { id: VOCABULARY as u32, vocabulary: VOCABULARY });
    assert_eq!(refused(&|claim| claim.request.prompt.clear(), CONTEXT), RequestError::EmptyPrompt);
    let tokens = claim.request.prompt.len() + claim.output.len();
    let short = tokens - 1;
    assert_eq!(refused(&|claim| claim.context = short, CONTEXT), RequestError::TooLong { tokens, context: short });
    assert_eq!(refused(&|claim| claim.context = 3, CONTEXT), RequestError::PromptTooLong { prompt: 3, context: 3 });
    assert!(matches!(refused(&|_| {}, 5), RequestError::TooLong { context: 5, .. }));
    // The answer's last token needs no position of its own.
    assert!(examined(Fake::new(short, 1, short), claim.clone().job(None, How::Prefill)).is_ok());
    // A model that fails fails the verification; it never says that the answer is wrong.
    let mut poisoned = claim;
    poisoned.request.prompt[POISON.0 - 1] = POISON.1;
    for how in [How::Prefill, How::Steps] {
        let events = examined(Fake::new(CONTEXT, 1, CONTEXT), poisoned.clone().job(None, how)).unwrap();
        assert!(matches!(events.last(), Some(Event::Failed(Failure::Model(_)))), "{events:?}");
        assert!(!events.iter().any(|event| matches!(event, Event::Verdict(_))));
    }
}
