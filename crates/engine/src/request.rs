//! Requests, reasons for which answers end, and errors of requests.

use crate::sampling::{self, Parameters};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A request for an answer.
#[derive(Clone, Debug)]
pub struct Request {
    /// The prompt's tokens, at least one.
    pub prompt: Vec<u32>,
    /// Settings of sampling.
    pub parameters: Parameters,
    /// Tokens that end the answer. The one that does is its last token.
    pub end_tokens: BTreeSet<u32>,
    /// Most tokens of the answer; `None` leaves it to the end tokens and the context.
    pub max_tokens: Option<usize>,
    /// Tokens of the prompt per forward pass; 0 counts as 1. It changes the time and the memory, never a bit.
    pub prefill_chunk: usize,
    /// Compute the logits of every position of the prompt, not of the last alone. Nothing cached is used then.
    pub all_logits: bool,
}

/// Reason why an answer is over. Receipts state it by these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// An end token was chosen.
    EndToken,
    /// The answer has as many tokens as were asked for.
    MaxTokens,
    /// Prompt and answer fill the context.
    Context,
    /// The constraint allows nothing further, and there is no end token to say so; or all of a job that is no answer is
    /// done.
    Complete,
    /// A stop string was complete, or the one call that was asked for: said by whoever makes text of the tokens.
    StopString,
    /// Whoever asked went away or stopped it.
    Cancelled,
    /// The job's deadline passed; what there is of the answer is true. Receipts state it as given up.
    #[serde(rename(serialize = "cancelled"), skip_deserializing)]
    Deadline,
}

/// Reason why a request was refused, one sentence each.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
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
    /// A given text, prompt and answer together, has more tokens than there are positions.
    #[error("the text has {tokens} tokens, but the context holds {context}")]
    TooLong {
        /// Tokens of the text.
        tokens: usize,
        /// Positions of the cache.
        context: usize,
    },
    /// The text names a token that the model does not have.
    #[error("the text names token {id}, but the model's vocabulary has only the tokens below {vocabulary}")]
    UnknownToken {
        /// The token.
        id: u32,
        /// Number of tokens in the vocabulary.
        vocabulary: usize,
    },
    /// Tokens of an answer that could not go on so: it was over, or its grammar allows another.
    #[error("the answer that is to go on cannot have token {id} as its number {index}")]
    CannotGoOn {
        /// Index of the token in it, from 0.
        index: usize,
        /// The token.
        id: u32,
    },
    /// An answer of a model that has none.
    #[error("this model reads a text as a whole and writes none; ask it for vectors or ranks, or choose another model")]
    WritesNothing,
    /// A rank by a model without a classifier.
    #[error("this model has no classifier, which would rank a text")]
    RanksNothing,
    /// Settings out of range.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
}
