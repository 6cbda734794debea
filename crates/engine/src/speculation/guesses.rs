//! The guesses of one sequence, and how well they were right.

use super::evidence::{Evidence, KINDS};
use super::lookup::Lookup;

/// Share of an estimate of acceptance that is kept from guess to guess.
const ACCEPTANCE_KEPT: f64 = 0.95;
/// Number of guesses of this sequence that weigh as much as what is known of all sequences.
const COMMON_WEIGHT: f64 = 4.0;

/// Guesses that were compared and those that were right, the older ones counting less.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Acceptance {
    compared: f64,
    right: f64,
}

impl Acceptance {
    /// An open mind that a few guesses make up.
    pub(super) fn open() -> Self {
        Self { compared: 2.0, right: 1.0 }
    }

    pub(super) fn learn(&mut self, is_right: bool) {
        self.compared = self.compared * ACCEPTANCE_KEPT + 1.0;
        self.right = self.right * ACCEPTANCE_KEPT + f64::from(u8::from(is_right));
    }

    /// The probability that a guess is right.
    pub(super) fn rate(self) -> f64 {
        self.right / self.compared
    }

    /// That of one sequence, given that of all.
    pub(super) fn given(self, common: f64) -> f64 {
        (self.right + COMMON_WEIGHT * common) / (self.compared + COMMON_WEIGHT)
    }
}

/// Guesses at the tokens after the last of one sequence.
#[derive(Debug, Default)]
pub(crate) struct Guesses {
    pub(crate) lookup: Lookup,
    /// In order. Those that are not computed cost nothing and only teach.
    pub(crate) proposed: Vec<u32>,
    /// Number of first guesses that are computed with the next pass.
    computed: usize,
    pub(crate) evidence: Evidence,
    pub(super) acceptance: [Acceptance; KINDS],
}

impl Guesses {
    /// The guesses that are computed with the next pass.
    pub(crate) fn computed(&self) -> &[u32] {
        self.proposed.get(..self.computed).unwrap_or(&self.proposed)
    }

    /// Has so many of the first guesses computed.
    pub(crate) fn compute(&mut self, count: usize) {
        self.computed = count.min(self.proposed.len());
    }

    /// Forgets all guesses, but not what they have taught.
    pub(crate) fn drop_all(&mut self) {
        self.proposed.clear();
        self.computed = 0;
    }
}
