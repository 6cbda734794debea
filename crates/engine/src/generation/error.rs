//! What can be wrong with a request, one sentence each.

use crate::constraint::ConstraintError;
use crate::sampling;

/// Why a request was refused or given up. `E` is the model's own error.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error<E: std::error::Error> {
    /// There is nothing to answer.
    #[error("the prompt is empty; give at least one character of text")]
    EmptyPrompt,
    /// Prompt and one token of the answer do not fit.
    #[error(
        "the prompt has {prompt} tokens, but the context holds {context} and the answer needs at least one of them; \
         shorten the prompt or give a larger context"
    )]
    PromptTooLong {
        /// Tokens of the prompt.
        prompt: usize,
        /// Positions of the cache.
        context: usize,
    },
    /// The prompt names a token that the model does not have.
    #[error("the prompt names token {id}, but the model's vocabulary has only the tokens below {vocabulary}")]
    UnknownToken {
        /// The token.
        id: u32,
        /// Number of tokens in the vocabulary.
        vocabulary: usize,
    },
    /// No token could be chosen.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
    /// The constraint cannot go on.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The model failed.
    #[error(transparent)]
    Model(E),
}
