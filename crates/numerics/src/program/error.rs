//! Errors of programs.

/// A program that cannot be run: a mistake in the family's file, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the program is no program: {problem}")]
pub struct SealError {
    pub(super) problem: String,
}
