//! What is said where something is not done.

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Somebody wanted to stop.
    Interrupted,
    /// What is wrong.
    Sentence(String),
}

impl From<crate::failure::Failure> for Failure {
    fn from(failure: crate::failure::Failure) -> Self {
        Self::Sentence(failure.to_string())
    }
}

/// What is wrong.
pub(super) fn sentence(text: String) -> Failure {
    Failure::Sentence(text)
}
