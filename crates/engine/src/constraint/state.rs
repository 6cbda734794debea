//! A constraint on its way through an answer: what it forces, and which tokens are in the running.

use super::{Constraint, ConstraintError};
use crate::request::Request;
use crate::sampling::TokenMask;
use std::collections::VecDeque;

/// A constraint, and what it has said of the next tokens.
#[derive(Debug)]
pub(crate) struct ConstraintState {
    constraint: Box<dyn Constraint>,
    /// The request's end tokens, and whether its settings leave them in the running.
    ends: Vec<(u32, bool)>,
    vocabulary: usize,
    /// Tokens that must come next, in order.
    forced: VecDeque<u32>,
    /// True if the constraint has been asked for what it forces here.
    is_asked: bool,
    /// Candidates for the next token, once somebody has looked.
    allowed: Option<Seen>,
    /// Guesses at the next tokens, each with what is in the running after it, unless a token is forced there.
    ahead: VecDeque<(u32, Option<Seen>)>,
}

type Seen = Result<Allowed, ConstraintError>;

/// Tokens that may come next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Allowed {
    /// Every token.
    Any,
    /// These tokens, at least one.
    Only(TokenMask),
    /// Nothing: the text is complete.
    Nothing,
}

impl ConstraintState {
    pub(crate) fn new(constraint: Box<dyn Constraint>, request: &Request, vocabulary: usize) -> Self {
        let parameters = &request.parameters;
        let is_open = |id| !parameters.banned.contains(id) && !parameters.ignore_eos.contains(id);
        let ends = request.end_tokens.iter().map(|id| (*id, is_open(id))).collect();
        Self {
            constraint,
            ends,
            vocabulary,
            forced: VecDeque::new(),
            is_asked: false,
            allowed: None,
            ahead: VecDeque::new(),
        }
    }

    /// True if [`ConstraintState::prepare`] has something to compute.
    pub(crate) fn needs_mask(&mut self, guesses: usize) -> bool {
        self.forced().is_none() && (self.allowed.is_none() || self.ahead.len() < guesses)
    }

    /// Finds out what may come next, and what after each of these guesses, so that it is known when the choices are
    /// made. Needs no logits, and so can be done beside the forward pass.
    pub(crate) fn prepare(&mut self, guesses: &[u32]) {
        if self.forced().is_some() {
            return;
        }
        if self.allowed.is_none() {
            self.allowed = Some(self.look());
        }
        self.ahead.clear();
        let Some(constraint) = (!guesses.is_empty()).then(|| self.constraint.fork()).flatten() else { return };
        let mut fork = Self {
            constraint,
            ends: self.ends.clone(),
            vocabulary: self.vocabulary,
            forced: VecDeque::new(),
            is_asked: true,
            allowed: None,
            ahead: VecDeque::new(),
        };
        for &guess in guesses {
            if fork.accept(guess).is_err() {
                return;
            }
            let seen = if fork.forced().is_none() { Some(fork.look()) } else { None };
            self.ahead.push_back((guess, seen));
        }
    }

    /// Nothing can be said of the next token: what looked for it broke down.
    pub(crate) fn give_up(&mut self) {
        let sentence = "the tokens that the grammar allows could not be computed";
        self.allowed = Some(Err(ConstraintError(sentence.to_owned())));
        self.ahead.clear();
    }

    /// Number of the first of these guesses that could follow one after another.
    pub(crate) fn permitted(&mut self, guesses: &[u32]) -> usize {
        if self.forced().is_some() {
            return 0;
        }
        let is_end = |id: &u32| self.ends.iter().any(|(end, _)| end == id);
        let before_end = guesses.iter().position(is_end).unwrap_or(guesses.len());
        self.constraint.could_follow(guesses.get(..before_end).unwrap_or_default()).min(before_end)
    }

    /// The token that must come next, if one must.
    pub(crate) fn forced(&mut self) -> Option<u32> {
        if !self.is_asked {
            self.is_asked = true;
            self.forced = self.constraint.forced().into();
        }
        self.forced.front().copied()
    }

    /// Tokens that may come next, where nothing is forced.
    pub(crate) fn allowed(&mut self) -> Result<Allowed, ConstraintError> {
        self.allowed.take().unwrap_or_else(|| self.look())
    }

    /// Goes on over a token, which is no end token.
    pub(crate) fn accept(&mut self, id: u32) -> Result<(), ConstraintError> {
        self.allowed = match self.ahead.pop_front() {
            Some((guess, seen)) if guess == id => seen,
            _ => {
                self.ahead.clear();
                None
            }
        };
        let was_forced = self.forced.pop_front().is_some();
        self.is_asked = was_forced;
        if id as usize >= self.vocabulary {
            let known = self.vocabulary;
            let problem = format!("the constraint forces token {id}, but the vocabulary has only those below {known}");
            return Err(ConstraintError(problem));
        }
        self.constraint.accept(id)
    }

    fn look(&mut self) -> Seen {
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
