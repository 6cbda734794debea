//! Why a claim could not be examined, one sentence each.

use crate::constraint::ConstraintError;
use crate::{generation, sampling};

/// Why a verification was refused or given up. `E` is the model's own error. None of these says that an answer is wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E: std::error::Error> {
    /// The request could not have been carried out.
    #[error(transparent)]
    Request(#[from] generation::Error<E>),
    /// The answer names a token that the model does not have.
    #[error("the answer names token {id}, but the model's vocabulary has only the tokens below {vocabulary}")]
    UnknownToken {
        /// The token.
        id: u32,
        /// Number of tokens in the vocabulary.
        vocabulary: usize,
    },
    /// More tokens than there are positions.
    #[error("prompt and answer have {tokens} tokens together, but the context holds {context}")]
    TooLong {
        /// Tokens of prompt and answer.
        tokens: usize,
        /// Positions.
        context: usize,
    },
    /// The grammar gave up.
    #[error("the grammar could not be followed: {0}")]
    Constraint(#[from] ConstraintError),
    /// No token could be chosen.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
    /// The model failed.
    #[error(transparent)]
    Model(E),
}
