//! A constraint made of a seed: at some places it allows a few tokens, at some it forces some, and it ends.

use super::fake::VOCABULARY;
use crate::constraint::{Constraint, ConstraintError};
use crate::sampling::TokenMask;
use std::collections::VecDeque;

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    state: u32,
    accepted: u32,
    length: u32,
    expected: VecDeque<u32>,
}

impl Rules {
    /// At most `length` tokens.
    pub(crate) fn new(seed: u32, length: u32) -> Rules {
        Rules { state: seed.wrapping_mul(0x9E37_79B1) | 1, accepted: 0, length, expected: VecDeque::new() }
    }

    fn draw(&self, purpose: u32) -> u32 {
        let mixed = (self.state ^ purpose.wrapping_mul(0x85EB_CA6B)).wrapping_mul(0xC2B2_AE35);
        (mixed ^ mixed >> 15).wrapping_mul(0x27D4_EB2F) >> 8
    }

    fn allowed(&self) -> Option<TokenMask> {
        if self.accepted >= self.length {
            return Some(TokenMask::default());
        }
        let few = |purpose| self.draw(purpose) % VOCABULARY as u32;
        (!self.draw(1).is_multiple_of(3)).then(|| (2..2 + 1 + self.draw(9) % 4).map(few).collect())
    }
}

impl Constraint for Rules {
    fn mask(&mut self) -> Result<Option<TokenMask>, ConstraintError> {
        assert!(self.expected.is_empty(), "nobody needs a mask where a token is forced");
        Ok(self.allowed())
    }

    fn accept(&mut self, id: u32) -> Result<(), ConstraintError> {
        let is_right = match self.expected.pop_front() {
            Some(forced) => forced == id,
            None => self.allowed().is_none_or(|mask| mask.allows(id)),
        };
        if !is_right {
            return Err(ConstraintError(format!("token {id} is not allowed here")));
        }
        self.accepted += 1;
        self.state = self.state.wrapping_mul(31).wrapping_add(id).wrapping_mul(0x9E37_79B1) | 1;
        Ok(())
    }

    fn forced(&mut self) -> Vec<u32> {
        let count = if self.draw(20).is_multiple_of(4) { 1 + self.draw(21) % 3 } else { 0 };
        let count = count.min(self.length.saturating_sub(self.accepted));
        self.expected = (0..count).map(|at| self.draw(30 + at) % VOCABULARY as u32).collect();
        self.expected.iter().copied().collect()
    }

    fn could_follow(&mut self, tokens: &[u32]) -> usize {
        let mut copy = self.clone();
        let mut takes = |id: &u32| {
            copy.forced();
            copy.expected.is_empty() && copy.accept(*id).is_ok()
        };
        tokens.iter().take_while(|id| takes(id)).count()
    }

    fn fork(&self) -> Option<Box<dyn Constraint>> {
        assert!(self.expected.is_empty(), "nobody guesses where a token is forced");
        Some(Box::new(self.clone()))
    }

    fn may_end(&mut self) -> bool {
        self.accepted >= self.length || self.draw(40).is_multiple_of(4)
    }
}
