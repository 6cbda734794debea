//! Replay of a grammar over an answer: its mask at each token.

use crate::constraint::{Allowed, Constraint, ConstraintError, ConstraintState};
use crate::request::Request;
use crate::sampling::TokenMask;

/// Origin of a token of an answer.
#[derive(Debug)]
pub(super) enum Decision {
    /// It was chosen, among the tokens of the mask if there is one.
    Chosen(Option<TokenMask>),
    /// The grammar let no other token follow.
    Forced(u32),
    /// The grammar was over: no token could follow.
    Over,
}

/// A way through a grammar that follows given tokens.
#[derive(Debug)]
pub(super) struct Replay {
    state: Option<ConstraintState>,
    /// The given tokens have left the grammar or ended the answer.
    left: bool,
}

impl Replay {
    pub(super) fn new(constraint: Option<Box<dyn Constraint>>, request: &Request, vocabulary: usize) -> Self {
        let state = constraint.map(|constraint| ConstraintState::new(constraint, request, vocabulary));
        Self { state, left: false }
    }

    /// Tells the origin of the next token, and goes on over it if it is `claimed`; `None` after a token that could not have
    /// been, or that ended the answer.
    ///
    /// # Errors
    /// A grammar that gave up.
    pub(super) fn next(&mut self, claimed: u32, request: &Request) -> Result<Option<Decision>, ConstraintError> {
        let Some(state) = &mut self.state else {
            return Ok(Some(Decision::Chosen(None)));
        };
        if self.left {
            return Ok(None);
        }
        let decision = match state.forced() {
            Some(id) => Decision::Forced(id),
            None => match state.allowed()? {
                Allowed::Any => Decision::Chosen(None),
                Allowed::Only(mask) => Decision::Chosen(Some(mask)),
                Allowed::Nothing => Decision::Over,
            },
        };
        let is_possible = match &decision {
            Decision::Chosen(None) => true,
            Decision::Chosen(Some(mask)) => mask.allows(claimed),
            Decision::Forced(id) => *id == claimed,
            Decision::Over => false,
        };
        if is_possible && !request.end_tokens.contains(&claimed) {
            state.accept(claimed)?;
        } else {
            self.left = true;
        }
        Ok(Some(decision))
    }

    /// True if the grammar lets no token follow those that it went over.
    ///
    /// # Errors
    /// A grammar that gave up.
    pub(super) fn is_complete(&mut self) -> Result<bool, ConstraintError> {
        match &mut self.state {
            Some(state) if !self.left => Ok(state.forced().is_none() && state.allowed()? == Allowed::Nothing),
            _ => Ok(false),
        }
    }
}
