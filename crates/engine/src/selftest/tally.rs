//! Answers bit by bit, and where two of them differ.

use crate::request::{FinishReason, Request};
use std::fmt;

/// Differences that are kept to be shown; the others are only counted.
const SHOWN: usize = 20;

/// An answer: its tokens, the bits of all its logits in order, and how it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trace {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// `[rows][vocabulary]`, as bits of binary32: of the positions of the prompt that are compared, and of each token of
    /// the answer but the last.
    pub logits: Vec<u32>,
    /// Its end.
    pub finish: Option<FinishReason>,
}

impl Trace {
    /// Appends rows of logits.
    pub(super) fn add(&mut self, logits: &[f32]) {
        self.logits.extend(logits.iter().map(|logit| logit.to_bits()));
    }
}

/// Place of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// A token of the answer.
    Token {
        /// Its index, from 0.
        index: usize,
    },
    /// A logit.
    Logit {
        /// The position in prompt and answer whose successor it speaks of.
        position: usize,
        /// The token whose logit it is.
        token: usize,
    },
    /// Number of tokens or logits, or the answer's end.
    Length,
}

/// The first difference of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The combination, in words.
    pub combination: String,
    /// Number of the question.
    pub question: usize,
    /// Where, and the bits that should be there and that are; `None` where there is no answer at all.
    pub at: Option<(Place, u32, u32)>,
    /// The failure, where there is no answer.
    pub failure: Option<String>,
}

/// Everything that was compared.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Combinations that were run.
    pub combinations: u64,
    /// Answers that were compared.
    pub answers: u64,
    /// Tokens that were compared.
    pub tokens: u64,
    /// Logits that were compared.
    pub logits: u64,
    /// Bits in which tokens and logits differ. A number that is missing or too many counts as 32.
    pub differing_bits: u64,
    /// Combinations in which something differs or failed.
    pub differing_combinations: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
}

impl Tally {
    /// Compares what one combination brought with what should be there. Answers after the first round belong to the
    /// questions in the same order.
    pub fn add(
        &mut self,
        combination: &str,
        questions: &[Request],
        expected: &[Trace],
        found: &Result<Vec<Trace>, String>,
        vocabulary: usize,
    ) {
        self.combinations += 1;
        let mut same = false;
        match found {
            Ok(found) if !found.is_empty() && found.len() % expected.len().max(1) == 0 => {
                same = true;
                for (index, found) in found.iter().enumerate() {
                    let question = index % expected.len().max(1);
                    if let (Some(expected), Some(request)) = (expected.get(question), questions.get(question)) {
                        same &= self.compare(combination, (question, request), expected, found, vocabulary);
                    }
                }
            }
            Ok(found) => self.fail(combination, format!("{} answers came back", found.len())),
            Err(sentence) => self.fail(combination, sentence.clone()),
        }
        self.differing_combinations += u64::from(!same);
    }

    /// True if all is as it should be.
    pub fn is_clean(&self) -> bool {
        self.differing_combinations == 0
    }

    /// Compares one answer; whether it is the same.
    fn compare(
        &mut self,
        combination: &str,
        (question, request): (usize, &Request),
        expected: &Trace,
        found: &Trace,
        vocabulary: usize,
    ) -> bool {
        self.answers += 1;
        self.tokens += expected.tokens.len() as u64;
        self.logits += expected.logits.len() as u64;
        self.differing_bits += bits(&expected.tokens, &found.tokens) + bits(&expected.logits, &found.logits);
        if expected == found {
            return true;
        }
        let first = if request.all_logits { 0 } else { request.prompt.len().saturating_sub(1) };
        let logit = |index: usize| {
            let vocabulary = vocabulary.max(1);
            Place::Logit { position: first + index / vocabulary, token: index % vocabulary }
        };
        // Logits come before the token that is chosen by them.
        let at = differing(&expected.logits, &found.logits)
            .map(|(index, expected, found)| (logit(index), expected, found))
            .or_else(|| {
                let token = differing(&expected.tokens, &found.tokens);
                token.map(|(index, expected, found)| (Place::Token { index }, expected, found))
            })
            .unwrap_or((Place::Length, count(&expected.tokens), count(&found.tokens)));
        self.show(Difference { combination: combination.to_owned(), question, at: Some(at), failure: None });
        false
    }

    fn fail(&mut self, combination: &str, sentence: String) {
        let combination = combination.to_owned();
        self.show(Difference { combination, question: 0, at: None, failure: Some(sentence) });
    }

    fn show(&mut self, difference: Difference) {
        if self.differences.len() < SHOWN {
            self.differences.push(difference);
        }
    }
}

fn count(tokens: &[u32]) -> u32 {
    u32::try_from(tokens.len()).unwrap_or(u32::MAX)
}

/// The first number that differs.
fn differing(expected: &[u32], found: &[u32]) -> Option<(usize, u32, u32)> {
    let mut pairs = expected.iter().zip(found).enumerate();
    pairs.find(|(_, (a, b))| a != b).map(|(index, (a, b))| (index, *a, *b))
}

/// Bits that differ.
fn bits(expected: &[u32], found: &[u32]) -> u64 {
    let shared: u64 = expected.iter().zip(found).map(|(a, b)| u64::from((a ^ b).count_ones())).sum();
    shared + u64::from(u32::BITS) * expected.len().abs_diff(found.len()) as u64
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { combination, question, at, failure } = self;
        if let Some(sentence) = failure {
            return write!(f, "{combination}: {sentence}");
        }
        write!(f, "{combination}: question {question}, ")?;
        match at {
            Some((Place::Token { index }, expected, found)) => {
                write!(f, "token {index} is {found} ({found:#010x}) and must be {expected} ({expected:#010x})")
            }
            Some((Place::Logit { position, token }, expected, found)) => write!(
                f,
                "position {position}: the logit of token {token} is {:e} ({found:#010x}) and must be {:e} \
                 ({expected:#010x})",
                f32::from_bits(*found),
                f32::from_bits(*expected)
            ),
            Some((Place::Length, expected, found)) => {
                write!(f, "the answer has {found} tokens and must have {expected}, or it ended otherwise")
            }
            None => write!(f, "there is no answer"),
        }
    }
}
