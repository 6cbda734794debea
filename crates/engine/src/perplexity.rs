//! How well a model predicts a text.
//!
//! Perplexity is `exp` of the mean negative log-likelihood of the scored tokens. Which tokens are scored, and with how
//! much text before them, is part of a figure's meaning; the definition here is the one that llama.cpp's `perplexity`
//! tool made common: the text is cut into chunks of `context` tokens without overlap, what is left over at the end is
//! not used, and of each chunk the tokens from place `context / 2 + 1` on are scored, each given the chunk before it.

use crate::forward::{Forward, Session};
use crate::sampling;
use hefu_numerics::ops::Team;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Positions whose logits are in memory at once (a vocabulary of 150 000 takes 19 MiB).
const SCORED_AT_ONCE: usize = 32;

/// Why a chunk has no score. `E` is the model's own error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error<E: std::error::Error> {
    /// The context does not fit the model's cache, or holds too little to score.
    #[error("chunks of {tokens} tokens cannot be scored: they must have at least 4 tokens and at most {capacity}")]
    Chunk {
        /// Tokens of the chunk.
        tokens: usize,
        /// Positions of the cache.
        capacity: usize,
    },
    /// Logits that are no distribution.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
    /// The model failed.
    #[error(transparent)]
    Model(E),
}

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

    fn add(&mut self, negative_log_likelihood: f64) {
        self.tokens += 1;
        self.sum += negative_log_likelihood;
        self.squares += negative_log_likelihood * negative_log_likelihood;
    }
}

/// Adds the score of one chunk. The cache is emptied before; `prefill_chunk` tokens at a time are computed.
///
/// `fed` is what the model reads: the chunk itself, with the beginning-of-sequence token in place of its first token if
/// the vocabulary asks for one. (The first token is never scored, so the chunk is not needed beside it.)
///
/// # Errors
/// A chunk that does not fit, what the model reports, or a NaN among the logits.
pub fn score_chunk<M: Forward>(
    session: &mut Session<M>,
    fed: &[u32],
    prefill_chunk: usize,
    team: &dyn Team,
    score: &mut Score,
) -> Result<(), Error<M::Error>> {
    let capacity = session.model().capacity();
    if fed.len() < 4 || fed.len() > capacity {
        return Err(Error::Chunk { tokens: fed.len(), capacity });
    }
    let first = fed.len() / 2;
    session.truncate(0);
    let (before, scored) = fed.split_at(first);
    for part in before.chunks(prefill_chunk.max(1)) {
        session.extend(part, 0).map_err(Error::Model)?;
    }
    let targets = fed.get(first + 1..).unwrap_or_default();
    // The last token predicts nothing that is in the chunk.
    let scored = scored.get(..targets.len()).unwrap_or_default();
    let size = prefill_chunk.max(1);
    for (part, targets) in scored.chunks(size).zip(targets.chunks(size)) {
        session.extend(part, part.len()).map_err(Error::Model)?;
        for (index, targets) in targets.chunks(SCORED_AT_ONCE).enumerate() {
            let first = index * SCORED_AT_ONCE;
            let vocabulary = session.model().vocabulary();
            let logits = session.logits(first..first + targets.len()).map_err(Error::Model)?;
            for likelihood in likelihoods(logits, vocabulary, targets, team) {
                score.add(likelihood?);
            }
        }
    }
    Ok(())
}

/// For each row of `logits` the negative log-likelihood of its target. Rows are dealt to threads, sums are not.
fn likelihoods(
    logits: &[f32],
    vocabulary: usize,
    targets: &[u32],
    team: &dyn Team,
) -> Vec<Result<f64, sampling::Error>> {
    let rows: Vec<(&[f32], u32)> = logits.chunks(vocabulary.max(1)).zip(targets.iter().copied()).collect();
    let results: Vec<AtomicU64> = rows.iter().map(|_| AtomicU64::new(0)).collect();
    let next = AtomicUsize::new(0);
    team.run(&|_| {
        while let Some((index, (row, target))) = {
            let index = next.fetch_add(1, Ordering::Relaxed);
            rows.get(index).map(|row| (index, row))
        } {
            if let Some(result) = results.get(index) {
                result.store(negative_log_likelihood(row, *target).to_bits(), Ordering::Relaxed);
            }
        }
    });
    let checked = |(result, (row, _)): (AtomicU64, &(&[f32], u32))| {
        let value = f64::from_bits(result.into_inner());
        if value.is_finite() { Ok(value) } else { Err(fault(row)) }
    };
    results.into_iter().zip(&rows).map(checked).collect()
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
    use hefu_numerics::ops::Alone;
    use proptest::prelude::*;

    /// Predicts the next token to be the same again, with odds of 4 to 1 against each of the others.
    struct Parrot {
        sequence: Vec<u32>,
        logits: Vec<f32>,
    }

    impl Parrot {
        fn session() -> Session<Parrot> {
            Session::new(Parrot { sequence: Vec::new(), logits: Vec::new() })
        }
    }

    impl Forward for Parrot {
        type Error = std::fmt::Error;

        fn vocabulary(&self) -> usize {
            5
        }

        fn capacity(&self) -> usize {
            16
        }

        fn truncate(&mut self, length: usize) {
            self.sequence.truncate(length);
        }

        fn forward(&mut self, tokens: &[u32], rows: usize) -> Result<(), Self::Error> {
            self.sequence.extend_from_slice(tokens);
            self.logits = vec![-3.0; 5 * rows];
            for (row, id) in self.logits.chunks_mut(5).zip(&tokens[tokens.len() - rows..]) {
                row[*id as usize] = -3.0 + 4_f32.ln();
            }
            Ok(())
        }

        fn logits(&mut self, rows: std::ops::Range<usize>) -> Result<&[f32], Self::Error> {
            Ok(&self.logits[rows.start * 5..rows.end * 5])
        }
    }

    fn score(tokens: &[u32], prefill_chunk: usize) -> Score {
        let mut score = Score::default();
        score_chunk(&mut Parrot::session(), tokens, prefill_chunk, &Alone, &mut score).unwrap();
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
    fn chunks_that_do_not_fit_are_refused() {
        for tokens in [0, 3, 17] {
            let mut session = Parrot::session();
            let done = score_chunk(&mut session, &vec![0; tokens], 8, &Alone, &mut Score::default());
            assert_eq!(done, Err(Error::Chunk { tokens, capacity: 16 }));
        }
    }

    #[test]
    fn a_nan_is_an_error() {
        assert_eq!(fault(&[0.0, f32::NAN]), sampling::Error::NotANumber { id: 1 });
        let row = [0.0, f32::NAN, 1.0];
        assert!(likelihoods(&row, 3, &[0], &Alone).iter().all(Result::is_err));
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
