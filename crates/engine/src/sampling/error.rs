//! Errors of sampling settings, one sentence each.

use std::fmt;

/// Reason why no token was chosen, or why a setting was refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// One or more settings are outside their range; every one of them is named.
    #[error("{}", sentences(.0))]
    Parameters(Vec<Violation>),
    /// The model gave no logits.
    #[error("the model returned no logits; a vocabulary has at least one token")]
    EmptyVocabulary,
    /// More logits than [`MAX_VOCABULARY`](super::MAX_VOCABULARY).
    #[error("the model returned {found} logits, but at most {limit} are supported")]
    VocabularyTooLarge {
        /// Number of logits.
        found: usize,
        /// Most logits.
        limit: usize,
    },
    /// A logit is not a number: the model or its file is broken (clause S1).
    #[error("the logit of token {id} is not a number; the model's weights or its computation are damaged")]
    NotANumber {
        /// The lowest token id concerned.
        id: u32,
    },
    /// A logit is plus infinity: the model or its file is broken (clause S1).
    #[error("the logit of token {id} is infinite; the model's weights or its computation are damaged")]
    Infinite {
        /// The lowest token id concerned.
        id: u32,
    },
    /// A setting names a token that the model does not have.
    #[error("{parameter} names token {id}, but the vocabulary has only the tokens below {vocabulary}")]
    UnknownToken {
        /// The setting.
        parameter: &'static str,
        /// The token id that it names.
        id: u32,
        /// Number of tokens in the vocabulary.
        vocabulary: usize,
    },
    /// Nothing is left to choose from.
    #[error("every token is banned; allow at least one token in banned, ignore_eos and the allowed mask")]
    NoCandidates,
}

impl Error {
    /// An error about a single setting.
    pub(crate) fn parameter(name: &'static str, value: impl fmt::Display, allowed: impl Into<String>) -> Self {
        Self::Parameters(vec![Violation { name, value: value.to_string(), allowed: allowed.into() }])
    }
}

/// One setting outside its range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The setting's name, as in [`Parameters`](super::Parameters).
    pub name: &'static str,
    /// The value that was given.
    pub value: String,
    /// Allowed values, to complete the sentence "… must be".
    pub allowed: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is {}, but must be {}", self.name, self.value, self.allowed)
    }
}

fn sentences(violations: &[Violation]) -> String {
    let parts: Vec<String> = violations.iter().map(ToString::to_string).collect();
    parts.join("; ")
}
