//! A constraint on its way through an answer: what it forces, and which tokens are in the running.

use super::Request;
use crate::constraint::{Constraint, ConstraintError};
use crate::sampling::TokenMask;
use std::collections::VecDeque;

/// A constraint, and what it has said of the next token.
#[derive(Debug)]
pub(crate) struct Guide {
    constraint: Box<dyn Constraint>,
    /// The request's end tokens, and whether its settings leave them in the running.
    ends: Vec<(u32, bool)>,
    vocabulary: usize,
    /// Tokens that must come next, in order.
    forced: VecDeque<u32>,
    /// Whether the constraint has been asked for what it forces here.
    is_asked: bool,
    /// What is in the running for the next token, once somebody has looked.
    allowed: Option<Result<Allowed, ConstraintError>>,
}

/// What may come next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Allowed {
    /// Every token.
    Any,
    /// These tokens, at least one.
    Only(TokenMask),
    /// Nothing: the text is complete.
    Nothing,
}

impl Guide {
    pub(crate) fn new(constraint: Box<dyn Constraint>, request: &Request, vocabulary: usize) -> Self {
        let parameters = &request.parameters;
        let is_open = |id| !parameters.banned.contains(id) && !parameters.ignore_eos.contains(id);
        let ends = request.end_tokens.iter().map(|id| (*id, is_open(id))).collect();
        Self { constraint, ends, vocabulary, forced: VecDeque::new(), is_asked: false, allowed: None }
    }

    /// Finds out what may come next, so that it is known when the choice is made. Needs no logits, and so can be done
    /// beside the forward pass.
    pub(crate) fn prepare(&mut self) {
        if self.forced().is_none() && self.allowed.is_none() {
            self.allowed = Some(self.look());
        }
    }

    /// The token that must come next, if one must.
    pub(crate) fn forced(&mut self) -> Option<u32> {
        if !self.is_asked {
            self.is_asked = true;
            self.forced = self.constraint.forced().into();
        }
        self.forced.front().copied()
    }

    /// What may come next, where nothing is forced.
    pub(crate) fn allowed(&mut self) -> Result<Allowed, ConstraintError> {
        self.allowed.take().unwrap_or_else(|| self.look())
    }

    /// Goes on over a token, which is no end token.
    pub(crate) fn accept(&mut self, id: u32) -> Result<(), ConstraintError> {
        self.allowed = None;
        let was_forced = self.forced.pop_front().is_some();
        self.is_asked = was_forced;
        if id as usize >= self.vocabulary {
            let known = self.vocabulary;
            let problem = format!("the constraint forces token {id}, but the vocabulary has only those below {known}");
            return Err(ConstraintError(problem));
        }
        self.constraint.accept(id)
    }

    fn look(&mut self) -> Result<Allowed, ConstraintError> {
        let (mask, may_end) = (self.constraint.mask()?, self.constraint.may_end());
        let mut mask = match mask {
            None if may_end => return Ok(Allowed::Any),
            None => TokenMask::below(self.vocabulary),
            Some(mask) => mask,
        };
        for &(id, is_open) in &self.ends {
            mask.set(id, may_end && is_open);
        }
        match mask.is_empty() {
            false => Ok(Allowed::Only(mask)),
            true if may_end => Ok(Allowed::Nothing),
            true => Err(ConstraintError("the constraint allows no token here, but the text is not complete".into())),
        }
    }
}

/// Runs a forward pass, and beside it finds out what may come next for those who need to know.
pub(crate) fn beside<T>(guides: Vec<&mut Guide>, forward: impl FnOnce() -> T) -> T {
    if guides.is_empty() {
        return forward();
    }
    let work = move || guides.into_iter().for_each(Guide::prepare);
    std::thread::scope(|scope| {
        // Where the system has no thread to give, the choice itself finds out.
        let _ = std::thread::Builder::new().name("hefu-mask".into()).spawn_scoped(scope, work);
        forward()
    })
}
