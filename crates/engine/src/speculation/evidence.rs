//! Kinds of reasons for a guess.

/// How good the reason for a guess is: the acceptance of each of a few kinds is measured by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Evidence(u8);

/// Kinds of evidence.
pub(super) const KINDS: usize = 4;

impl Evidence {
    /// The kind of this number; numbers that are too large count as the largest.
    pub(crate) fn new(kind: usize) -> Self {
        Self(kind.min(KINDS - 1) as u8)
    }

    pub(super) fn kind(self) -> usize {
        usize::from(self.0)
    }
}
