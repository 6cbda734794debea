//! A grammar as the engine sees it: which tokens may come next, which must, and whether the answer may end.

mod state;

pub(crate) use state::{Allowed, ConstraintState};

use crate::sampling::TokenMask;

/// Constraint by a grammar: a pure state machine on token ids, so that an answer under a constraint is as much a
/// function of its request as one without.
///
/// The end tokens of a request are the engine's matter: they are allowed exactly where [`Constraint::may_end`] says so,
/// whatever the mask says of them, and are never given to [`Constraint::accept`].
pub trait Constraint: Send + std::fmt::Debug {
    /// The tokens that may come next; `None` is no restriction. An empty set where the text may end ends the answer.
    /// May be slow: it is asked for on a thread of its own.
    ///
    /// # Errors
    /// A sentence, if the grammar cannot go on.
    fn mask(&mut self) -> Result<Option<TokenMask>, ConstraintError>;

    /// Takes the token that was chosen, or that was forced.
    ///
    /// # Errors
    /// A sentence, if the grammar does not allow the token.
    fn accept(&mut self, id: u32) -> Result<(), ConstraintError>;

    /// Tokens that must follow whatever the model says: they are appended without sampling and computed in one forward
    /// pass. Each is given to [`Constraint::accept`] in turn. Asked for at the start and after each token that was
    /// chosen.
    fn forced(&mut self) -> Vec<u32>;

    /// True if the text so far is complete by the grammar, so that the answer may end here.
    fn may_end(&mut self) -> bool;

    /// Number of the first of `tokens` that could follow one another; none of them is taken. Guesses are cut to that.
    fn could_follow(&mut self, tokens: &[u32]) -> usize {
        let _ = tokens;
        0
    }

    /// The same state once more, to look beyond guesses with; without one, nothing is guessed.
    fn fork(&self) -> Option<Box<dyn Constraint>> {
        None
    }
}

/// Reason why a constraint cannot go on: one sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConstraintError(pub String);
