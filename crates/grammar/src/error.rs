//! Reason why a grammar is refused, one sentence each.

/// Reason why no constraint can be made. Everything but [`Error::Vocabulary`] is the fault of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vocabulary cannot be used.
    #[error("no grammar can be used with this vocabulary: {0}")]
    Vocabulary(String),
    /// A JSON schema cannot be honoured.
    #[error("the JSON schema cannot be honoured: at {place}, {reason}")]
    Schema {
        /// JSON pointer to the place, `#` for the whole schema.
        place: String,
        /// The fault there.
        reason: String,
    },
    /// A grammar or a regular expression cannot be understood or carried out.
    #[error("the {kind} cannot be used: {reason}")]
    Grammar {
        /// Kind of grammar.
        kind: &'static str,
        /// The fault.
        reason: String,
    },
    /// Nobody waits for it any more.
    #[error("the grammar is no longer wanted")]
    Cancelled,
    /// A limit is exceeded.
    #[error("the {kind} has {found} {what}, but at most {limit} are taken")]
    Limit {
        /// Kind of grammar.
        kind: &'static str,
        /// The thing counted.
        what: &'static str,
        /// Number found.
        found: usize,
        /// Number allowed.
        limit: usize,
    },
}

impl Error {
    /// Refuses what exceeds a limit.
    pub(crate) fn check(kind: &'static str, what: &'static str, found: usize, limit: usize) -> Result<(), Self> {
        if found <= limit { Ok(()) } else { Err(Self::Limit { kind, what, found, limit }) }
    }

    /// A grammar that cannot be used.
    pub(crate) fn grammar(kind: &'static str, reason: impl Into<String>) -> Self {
        Self::Grammar { kind, reason: reason.into() }
    }
}
