//! Perplexity of a model on a text.
//!
//! Perplexity is `exp` of the mean negative log-likelihood of the scored tokens. Which tokens are scored, and with how
//! much text before them, is part of a figure's meaning; the definition here is the one that llama.cpp's `perplexity`
//! tool made common: the text is cut into chunks of `context` tokens without overlap, what is left over at the end is
//! not used, and of each chunk the tokens from place `context / 2 + 1` on are scored, each given the chunk before it.

use crate::request::Request;
use crate::sampling::{self, Choice, Parameters, Scratch};
use crate::scheduler::{Job, Kind};
use hefu_numerics::team::Team;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// A running score.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Tokens scored.
    pub tokens: usize,
    /// Sum of their negative log-likelihoods, natural logarithm.
    pub sum: f64,
    /// Sum of the squares of those.
    pub squares: f64,
}

impl Score {
    /// `exp(sum / tokens)`; NaN before the first token.
    pub fn perplexity(&self) -> f64 {
        libm::exp(self.sum / self.tokens as f64)
    }

    /// The standard error of [`Score::perplexity`] (first order), 0 for fewer than two tokens.
    pub fn uncertainty(&self) -> f64 {
        if self.tokens < 2 {
            return 0.0;
        }
        let tokens = self.tokens as f64;
        let mean = self.sum / tokens;
        let variance = (self.squares / tokens - mean * mean).max(0.0);
        libm::sqrt(variance / (tokens - 1.0)) * self.perplexity()
    }

    /// Adds the negative log-likelihood of a token.
    pub fn add(&mut self, negative_log_likelihood: f64) {
        self.tokens += 1;
        self.sum += negative_log_likelihood;
        self.squares += negative_log_likelihood * negative_log_likelihood;
    }
}

/// The job that scores one chunk, in [`Event::Likelihoods`](crate::scheduler::Event::Likelihoods); `prefill_chunk` tokens
/// at a time are computed.
///
/// `fed` is what the model reads: the chunk itself, with the beginning-of-sequence token in place of its first token if
/// the vocabulary asks for one. (The first token is never scored, so the chunk is not needed beside it.)
pub fn job(fed: Vec<u32>, prefill_chunk: usize) -> Job {
    let kind = Kind::Likelihoods { from: fed.len() / 2 + 1 };
    let request = Request {
        prompt: fed,
        parameters: Parameters::default(),
        end_tokens: BTreeSet::new(),
        max_tokens: None,
        prefill_chunk,
        all_logits: false,
    };
    Job::new(request).with_kind(kind)
}

/// For each row of `logits` the negative log-likelihood of its target. Rows are assigned to threads, sums are not.
pub(crate) fn likelihoods(
    logits: &[f32],
    vocabulary: usize,
    targets: &[u32],
    team: &dyn Team,
) -> Result<Vec<f64>, sampling::Error> {
    of_rows(logits, vocabulary, targets, team, |row, target, _| {
        let value = negative_log_likelihood(row, target);
        if value.is_finite() { Ok(value) } else { Err(fault(row)) }
    })
}

/// For each row of `logits` its target as if it had been chosen, with so many of the likeliest tokens.
pub(crate) fn scored_tokens(
    logits: &[f32],
    vocabulary: usize,
    targets: &[u32],
    alternatives: u32,
    team: &dyn Team,
) -> Result<Vec<Choice>, sampling::Error> {
    let one = |row: &[f32], target, scratch: &mut Scratch| sampling::given(row, target, Some(alternatives), scratch);
    of_rows(logits, vocabulary, targets, team, one)
}

/// Results of `one` for each row and its target; rows are assigned to threads.
fn of_rows<T: Send>(
    logits: &[f32],
    vocabulary: usize,
    targets: &[u32],
    team: &dyn Team,
    one: impl Fn(&[f32], u32, &mut Scratch) -> Result<T, sampling::Error> + Sync,
) -> Result<Vec<T>, sampling::Error> {
    let rows: Vec<(&[f32], u32)> = logits.chunks(vocabulary.max(1)).zip(targets.iter().copied()).collect();
    let results: Vec<Mutex<Option<Result<T, sampling::Error>>>> = rows.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    team.run(&|_| {
        let mut scratch = Scratch::default();
        while let Some((index, (row, target))) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            rows.get(index).map(|row| (index, row))
        } {
            if let Some(result) = results.get(index) {
                let value = one(row, *target, &mut scratch);
                *result.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
            }
        }
    });
    results.into_iter().filter_map(|result| result.into_inner().unwrap_or_else(PoisonError::into_inner)).collect()
}

/// `ln(sum of exp(logit - greatest)) - (target - greatest)` in f64, the sum in ascending order of id.
fn negative_log_likelihood(row: &[f32], target: u32) -> f64 {
    let greatest = f64::from(row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    let sum: f64 = row.iter().map(|&logit| libm::exp(f64::from(logit) - greatest)).sum();
    let own = row.get(target as usize).map_or(f64::NAN, |&logit| f64::from(logit));
    libm::log(sum) - (own - greatest)
}

/// Names what is wrong with a row that gave no finite likelihood.
fn fault(row: &[f32]) -> sampling::Error {
    let bad = (0_u32..).zip(row).find(|(_, logit)| !logit.is_finite());
    match bad {
        Some((id, logit)) if logit.is_nan() => sampling::Error::NotANumber { id },
        Some((id, _)) => sampling::Error::Infinite { id },
        None => sampling::Error::EmptyVocabulary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::RequestError;
    use crate::scheduler::{Event, ForwardMany, Limits, Logits, Refusal, Scheduler};
    use hefu_numerics::device::Batch;
    use hefu_numerics::team::Alone;
    use proptest::prelude::*;
    use std::ops::Range;
    use std::time::Duration;

    /// Predicts the next token to be the same again, with odds of 4 to 1 against each of the others.
    #[derive(Debug, Default)]
    struct Parrot(Vec<f32>);

    impl ForwardMany for Parrot {
        type Error = std::fmt::Error;

        fn vocabulary(&self) -> usize {
            5
        }

        fn capacity(&self) -> usize {
            16
        }

        fn page(&self) -> usize {
            4
        }

        fn pages(&self) -> usize {
            4
        }

        fn copy_page(&mut self, _: u32, _: u32) -> Result<(), Self::Error> {
            Ok(())
        }

        fn forward(&mut self, batch: &Batch<'_>) -> Result<(), Self::Error> {
            self.0.clear();
            for id in batch.spans.iter().flat_map(|span| &batch.tokens[span.rows.clone()][span.wanted.clone()]) {
                let mut row = [-3.0; 5];
                row[*id as usize] = -3.0 + 4_f32.ln();
                self.0.extend(row);
            }
            Ok(())
        }

        fn logits(&mut self, rows: Range<usize>) -> Result<Logits<'_>, Self::Error> {
            Ok(Logits { values: &self.0[rows.start * 5..rows.end * 5], team: &Alone })
        }

        fn hidden(&mut self, _: Range<usize>) -> Result<&[f32], Self::Error> {
            Err(std::fmt::Error)
        }
    }

    fn score(tokens: &[u32], prefill_chunk: usize) -> Score {
        let mut scheduler = Scheduler::new(Parrot::default(), Limits::default());
        scheduler.submit(job(tokens.to_vec(), prefill_chunk), Duration::ZERO).unwrap();
        let mut score = Score::default();
        while !scheduler.is_idle() {
            for update in scheduler.step(Duration::ZERO) {
                if let Event::Likelihoods(scores) = update.event {
                    scores.into_iter().for_each(|one| score.add(one));
                }
            }
        }
        score
    }

    #[test]
    fn the_second_half_is_scored() {
        // Eight tokens: places 5, 6 and 7 are scored, given places 4, 5 and 6.
        let same = score(&[0, 1, 2, 3, 4, 4, 4, 4], 512);
        assert_eq!(same.tokens, 3);
        assert!((same.perplexity() - 2.0).abs() < 1e-6, "{}", same.perplexity());
        assert!(same.uncertainty() < 1e-6, "{}", same.uncertainty());
        let never = score(&[4, 4, 4, 4, 4, 3, 2, 1], 512);
        assert!((never.perplexity() - 8.0).abs() < 1e-6, "{}", never.perplexity());
        let once = score(&[0, 0, 0, 0, 0, 0, 1, 2], 512);
        assert!((once.perplexity() - 2_f64.powf(7.0 / 3.0)).abs() < 1e-6, "{}", once.perplexity());
        assert!(once.uncertainty() > 0.0);
    }

    #[test]
    fn chunks_that_do_not_fit_are_refused_and_those_that_just_do_are_not() {
        let taken = |tokens: Vec<u32>| {
            let mut scheduler = Scheduler::new(Parrot::default(), Limits::default());
            scheduler.submit(job(tokens, 8), Duration::ZERO).map(drop)
        };
        // The last token is scored, and not computed.
        assert_eq!(taken(vec![0; 17]), Ok(()));
        let too_long = RequestError::TooLong { tokens: 17, context: 16 };
        assert_eq!(taken(vec![0; 18]), Err(Refusal::Invalid(too_long)));
        assert_eq!(taken(vec![]), Err(Refusal::Invalid(RequestError::EmptyPrompt)));
        let unknown = RequestError::UnknownToken { id: 5, vocabulary: 5 };
        assert_eq!(taken(vec![0, 0, 0, 5]), Err(Refusal::Invalid(unknown)));
    }

    /// Log-probabilities of a text's tokens by a scheduler, and by an answer that is made to repeat them.
    fn scored(tokens: &[u32], alternatives: u32, prefill_chunk: usize) -> (Vec<Choice>, Vec<Choice>) {
        let mut scheduler = Scheduler::new(Parrot::default(), Limits::default());
        let mut scored = job(tokens.to_vec(), prefill_chunk);
        scored.kind = Kind::Likelihoods { from: 1 };
        scored.request.parameters.logprobs = Some(alternatives);
        let mut keys = vec![scheduler.submit(scored, Duration::ZERO).unwrap()];
        for at in 1..tokens.len() {
            let mut answer = job(tokens[..at].to_vec(), prefill_chunk);
            answer.kind = Kind::Answer;
            answer.request.max_tokens = Some(1);
            answer.request.parameters.logprobs = Some(alternatives);
            let others = (0..5).filter(|id| *id != tokens[at]);
            answer.request.parameters.banned = others.collect();
            keys.push(scheduler.submit(answer, Duration::ZERO).unwrap());
        }
        let (mut own, mut others) = (Vec::new(), vec![None; tokens.len()]);
        while !scheduler.is_idle() {
            for update in scheduler.step(Duration::ZERO) {
                match update.event {
                    Event::Scored(choices) => own.extend(choices),
                    Event::Token(choice) => {
                        let place = keys.iter().position(|key| *key == update.key).unwrap();
                        others[place] = Some(choice);
                    }
                    event => assert!(!matches!(event, Event::Likelihoods(_) | Event::Failed(_)), "{event:?}"),
                }
            }
        }
        (own, others.into_iter().flatten().collect())
    }

    #[test]
    fn scored_tokens_have_the_numbers_that_an_answer_gives_them() {
        let tokens = [0, 0, 1, 1, 2, 4, 4, 3];
        for (alternatives, prefill_chunk) in [(0, 512), (1, 512), (1, 3), (2, 1), (9, 4)] {
            let (own, answered) = scored(&tokens, alternatives, prefill_chunk);
            assert_eq!(own, answered);
            assert_eq!(own.iter().map(|choice| choice.id).collect::<Vec<_>>(), tokens[1..]);
            assert!(own.iter().all(|choice| choice.top.len() == (alternatives as usize).min(5)));
        }
        // The best alternative tells whether the token itself is the best.
        let (own, _) = scored(&tokens, 1, 512);
        let is_best: Vec<bool> = own.iter().map(|choice| choice.logprob == Some(choice.top[0].1)).collect();
        assert_eq!(is_best, [true, false, true, false, false, true, false]);
        assert!(scored(&[3], 1, 512).0.is_empty());
    }

    #[test]
    fn a_nan_is_an_error() {
        assert_eq!(fault(&[0.0, f32::NAN]), sampling::Error::NotANumber { id: 1 });
        let row = [0.0, f32::NAN, 1.0];
        assert!(likelihoods(&row, 3, &[0], &Alone).is_err());
        assert!(scored_tokens(&row, 3, &[0], 1, &Alone).is_err());
    }

    proptest! {
        #[test]
        fn the_prefill_chunk_changes_nothing(
            tokens in prop::collection::vec(0_u32..5, 4..17),
            prefill_chunk in 0_usize..20,
        ) {
            prop_assert_eq!(score(&tokens, prefill_chunk), score(&tokens, 512));
        }
    }
}
