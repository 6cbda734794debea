//! Reason why a job ends before its answer does.

use crate::constraint::ConstraintError;
use crate::sampling;
use crate::sequence::Unchosen;

/// Reason why a job cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// No token could be chosen.
    #[error(transparent)]
    Sampling(#[from] sampling::Error),
    /// Its constraint cannot go on.
    #[error(transparent)]
    Constraint(#[from] ConstraintError),
    /// The model failed; its own sentence.
    #[error("{0}")]
    Model(String),
    /// The device failed, so that nothing can be answered; its own sentence.
    #[error("{0}")]
    Device(String),
}

impl From<Unchosen> for Failure {
    fn from(reason: Unchosen) -> Self {
        match reason {
            Unchosen::Sampling(error) => Self::Sampling(error),
            Unchosen::Constraint(error) => Self::Constraint(error),
        }
    }
}
