//! Kinds of reasons for a guess.

use super::lookup::{LENGTHS, Passage};

/// Strength of the reason for a guess: the acceptance of each of a few kinds is measured by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Evidence(u8);

/// Kinds of evidence: a draft model's guess, and passages of each length in the text itself and in earlier answers.
pub(super) const KINDS: usize = 1 + 2 * LENGTHS.len();

impl Evidence {
    /// The kind of this number; numbers that are too large count as the largest.
    pub(super) fn new(kind: usize) -> Self {
        Self(kind.min(KINDS - 1) as u8)
    }

    /// A passage of the text itself.
    pub(crate) fn own(passage: Passage) -> Self {
        Self::new(1 + passage.kind)
    }

    /// A passage of an earlier answer.
    pub(crate) fn earlier(passage: Passage) -> Self {
        Self::new(1 + LENGTHS.len() + passage.kind)
    }

    pub(super) fn kind(self) -> usize {
        usize::from(self.0)
    }
}
