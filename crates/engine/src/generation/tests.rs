//! Generation against a model whose logits are a function of the tokens before, so that every step can be predicted.

use super::*;
use proptest::prelude::*;

pub(crate) const VOCABULARY: usize = 11;

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("out of order")]
pub(crate) struct Fault;

/// Logits that depend on every token of the sequence; counts the positions that it computes, and the calls.
#[derive(Debug)]
pub(crate) struct Fake {
    pub(crate) sequence: Vec<u32>,
    pub(crate) capacity: usize,
    pub(crate) computed: usize,
    pub(crate) calls: usize,
    pub(crate) kept: usize,
    pub(crate) logits: Vec<f32>,
    pub(crate) fails_from: usize,
    /// The one text whose logits are numbers, if not every text's are.
    pub(crate) truth: Option<Vec<u32>>,
}

impl Fake {
    pub(crate) fn new(fails_from: usize) -> Fake {
        Fake {
            sequence: Vec::new(),
            capacity: 64,
            computed: 0,
            calls: 0,
            kept: 0,
            logits: Vec::new(),
            fails_from,
            truth: None,
        }
    }

    pub(crate) fn session(capacity: usize) -> Session<Fake> {
        Session::new(Fake { capacity, ..Fake::new(usize::MAX) })
    }
}

pub(crate) fn row(sequence: &[u32]) -> [f32; VOCABULARY] {
    let hash = sequence.iter().fold(7_u32, |hash, id| hash.wrapping_mul(0x9E37_79B1).wrapping_add(*id));
    std::array::from_fn(|id| (hash.rotate_left(id as u32 * 3) % 1000) as f32 / 100.0)
}

impl Forward for Fake {
    type Error = Fault;

    fn vocabulary(&self) -> usize {
        VOCABULARY
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn truncate(&mut self, length: usize) {
        self.sequence.truncate(length);
    }

    fn forward(&mut self, tokens: &[u32], rows: usize) -> Result<(), Fault> {
        assert!(!tokens.is_empty() && rows <= tokens.len());
        self.sequence.extend_from_slice(tokens);
        self.computed += tokens.len();
        self.calls += 1;
        self.kept = rows;
        assert!(self.sequence.len() <= self.capacity);
        if self.sequence.len() > self.fails_from { Err(Fault) } else { Ok(()) }
    }

    fn logits(&mut self, rows: Range<usize>) -> Result<&[f32], Fault> {
        assert!(rows.end <= self.kept);
        let first = self.sequence.len() - self.kept;
        let is_known = |truth: &Vec<u32>| truth.starts_with(&self.sequence[..first + rows.end]);
        if !self.truth.as_ref().is_none_or(is_known) {
            return Err(Fault);
        }
        self.logits = rows.flat_map(|index| row(&self.sequence[..=first + index])).collect();
        Ok(&self.logits)
    }
}

pub(crate) fn request(prompt: &[u32]) -> Request {
    Request {
        prompt: prompt.to_vec(),
        parameters: Parameters { seed: 3, ..Parameters::default() },
        end_tokens: BTreeSet::new(),
        max_tokens: Some(6),
        prefill_chunk: 4,
        all_logits: false,
    }
}

/// The answer's tokens, why it ended, and all logits in order.
fn answer(session: &mut Session<Fake>, request: Request) -> (Vec<u32>, Finish, Vec<f32>) {
    let mut generation = Generation::start(session, request).unwrap();
    let (mut tokens, mut logits) = (Vec::new(), Vec::new());
    loop {
        let before = tokens.len();
        match generation.step().unwrap() {
            Step::Prefill { .. } => {}
            Step::Token(choice) => tokens.push(choice.id),
            Step::Finished(finish) => return (tokens, finish, logits),
        }
        // The first token is chosen by the logits that the prefill left.
        if before > 0 || tokens.is_empty() {
            let rows = generation.rows();
            logits.extend_from_slice(generation.logits(0..rows).unwrap());
        }
    }
}

proptest! {
    #[test]
    fn neither_chunks_nor_earlier_requests_change_an_answer(
        prompt in prop::collection::vec(0..VOCABULARY as u32, 1..20),
        earlier in prop::collection::vec(0..VOCABULARY as u32, 1..20),
        chunk in 0_usize..25,
        kept in 0_usize..20,
    ) {
        let expected = answer(&mut Fake::session(64), request(&prompt));
        let mut session = Fake::session(64);
        let before = [&prompt[..kept.min(prompt.len())], &earlier[..]].concat();
        answer(&mut session, request(&before));
        let again = answer(&mut session, Request { prefill_chunk: chunk, ..request(&prompt) });
        prop_assert_eq!(&again, &expected);
        let all = Request { prefill_chunk: chunk, all_logits: true, ..request(&prompt) };
        let (tokens, finish, logits) = answer(&mut session, all);
        prop_assert_eq!((tokens, finish), (expected.0, expected.1));
        prop_assert_eq!(logits.len(), (prompt.len() + 5) * VOCABULARY);
        prop_assert_eq!(&logits[..VOCABULARY], row(&prompt[..1]));
    }
}

#[test]
fn greedy_takes_the_likeliest_of_each_position() {
    let greedy = Request { parameters: Parameters::greedy(), ..request(&[1, 2, 3]) };
    let (tokens, finish, _) = answer(&mut Fake::session(64), greedy);
    let mut sequence = vec![1, 2, 3];
    for &token in &tokens {
        let logits = row(&sequence);
        assert!(logits.iter().all(|logit| *logit <= logits[token as usize]));
        sequence.push(token);
    }
    assert_eq!((tokens.len(), finish), (6, Finish::MaxTokens));
}

#[test]
fn a_common_beginning_is_not_computed_again() {
    let mut session = Fake::session(64);
    let (tokens, ..) = answer(&mut session, request(&[1, 2, 3]));
    // The last token of the answer was never computed.
    assert_eq!(session.model().computed, 3 + tokens.len() - 1);
    let next = [&[1, 2, 3][..], &tokens[..], &[9]].concat();
    let generation = Generation::start(&mut session, request(&next)).unwrap();
    assert_eq!(generation.reused(), next.len() - 2);
    let same = Generation::start(&mut session, request(&[1, 2, 3])).unwrap();
    assert_eq!(same.reused(), 2);
}

#[test]
fn the_context_ends_an_answer_when_it_is_full() {
    let unlimited = |capacity| {
        let mut session = Fake::session(capacity);
        let (tokens, finish, _) = answer(&mut session, Request { max_tokens: None, ..request(&[1, 2, 3]) });
        (tokens.len(), finish)
    };
    assert_eq!(unlimited(4), (1, Finish::Context));
    assert_eq!(unlimited(9), (6, Finish::Context));
}

#[test]
fn an_end_token_is_the_last() {
    let (all, ..) = answer(&mut Fake::session(64), request(&[5]));
    let end = BTreeSet::from([all[2]]);
    let (tokens, finish, _) = answer(&mut Fake::session(64), Request { end_tokens: end, ..request(&[5]) });
    let first = all.iter().position(|id| *id == all[2]).unwrap();
    assert_eq!((tokens, finish), (all[..=first].to_vec(), Finish::EndToken));
}

#[test]
fn what_cannot_be_answered_is_refused_with_the_numbers() {
    let refused = |prompt: &[u32]| {
        let mut session = Fake::session(8);
        Generation::start(&mut session, request(prompt)).map(|_| ()).unwrap_err()
    };
    assert_eq!(refused(&[]), Error::EmptyPrompt);
    assert_eq!(refused(&[1; 8]), Error::PromptTooLong { prompt: 8, context: 8 });
    assert_eq!(refused(&[1, 11]), Error::UnknownToken { id: 11, vocabulary: 11 });
    let mut bad = request(&[1]);
    bad.parameters.logit_bias.insert(11, 1.0);
    let mut session = Fake::session(8);
    assert!(matches!(Generation::start(&mut session, bad), Err(Error::Sampling(_))));
}

#[test]
fn after_a_fault_the_session_goes_on_from_what_is_true() {
    let mut session = Session::new(Fake::new(6));
    let mut generation = Generation::start(&mut session, request(&[1, 2, 3, 4, 5, 6, 7])).unwrap();
    assert_eq!(generation.step(), Ok(Step::Prefill { done: 4, total: 7 }));
    assert_eq!(generation.step(), Err(Error::Model(Fault)));
    assert_eq!(session.rows(), 0);
    assert_eq!((session.cached(), &session.model().sequence[..]), (&[1, 2, 3, 4][..], &[1, 2, 3, 4][..]));
}
