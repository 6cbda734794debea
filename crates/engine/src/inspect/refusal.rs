//! Reason why something cannot be seen.

use crate::sampling;
use hefu_numerics::device;

/// Why, in one sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A name that nothing has, in the layers that were asked for.
    #[error("no value of these layers is called {name}")]
    NoValue {
        /// The name.
        name: String,
    },
    /// Heads that a value does not have.
    #[error("{name} has {heads} heads, and none of those that are asked for")]
    NoHead {
        /// The value.
        name: String,
        /// Its heads.
        heads: usize,
    },
    /// Tokens asked of what is no row of logits.
    #[error("{name} is no row of logits, so it has no likeliest tokens")]
    NoTokens {
        /// The value.
        name: String,
    },
    /// A value that was asked for twice.
    #[error("{name} is asked for twice")]
    Twice {
        /// The value.
        name: String,
    },
    /// More numbers than may be seen at once.
    #[error("these are more than {most} numbers; name fewer values, or choose layers, heads and positions")]
    TooMany {
        /// The most.
        most: usize,
    },
    /// A text that takes too much memory to be read once more.
    #[error("to look at a text of {tokens} tokens takes {} MiB of memory, but {} are allowed; look at a shorter one", .bytes >> 20, .most >> 20)]
    Memory {
        /// Its tokens.
        tokens: usize,
        /// Bytes that it takes.
        bytes: usize,
        /// Bytes that it may take.
        most: usize,
    },
    /// A text that the model cannot read.
    #[error("the text names token {id}, but the model's vocabulary has only the tokens below {vocabulary}")]
    UnknownToken {
        /// The token.
        id: u32,
        /// Tokens that there are.
        vocabulary: usize,
    },
    /// A text without tokens, or with more than the context has room for.
    #[error("the text has {tokens} tokens, but from 1 to {context} can be looked at")]
    Length {
        /// Its tokens.
        tokens: usize,
        /// The most.
        context: usize,
    },
    /// Something that cannot be changed so.
    #[error("{0}")]
    Edit(String),
    /// More edits than a text may have.
    #[error("these are more than {most} edits, counted in layers; change fewer values, or in fewer layers")]
    ManyEdits {
        /// The most.
        most: usize,
    },
    /// Too many that wait already.
    #[error("{waiting} traces wait already; try again in a moment")]
    Full {
        /// Number that wait.
        waiting: usize,
    },
    /// It took longer than it may.
    #[error("the trace took longer than the server allows")]
    Overdue,
    /// A choice that cannot be explained.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
    /// The device's error.
    #[error("{0}")]
    Device(String),
}

impl From<device::Error> for Refusal {
    fn from(error: device::Error) -> Self {
        Self::Device(error.to_string())
    }
}
