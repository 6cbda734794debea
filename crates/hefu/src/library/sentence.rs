//! Sentences for what is not done.

/// Reason why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Somebody wanted to stop.
    Interrupted,
    /// The fault, as a sentence.
    Sentence(String),
}

impl From<crate::failure::Failure> for Failure {
    fn from(failure: crate::failure::Failure) -> Self {
        Self::Sentence(failure.to_string())
    }
}

/// The fault, as a sentence.
pub(super) fn sentence(text: String) -> Failure {
    Failure::Sentence(text)
}
