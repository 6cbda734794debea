//! The part of a layer that works on each row by itself, whichever kind a family has.

use hefu_numerics::program::Value;

use super::{Builder, Experts, Gated, Mixture, Plain};

/// Kinds of feed-forward parts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum FeedForward {
    /// The same for every row.
    Gated(Gated),
    /// The same for every row, without a gate.
    Plain(Plain),
    /// Few of many.
    Experts(Experts),
    /// Few of many, by a rule of the file, and some for every row.
    Mixture(Mixture),
}

impl Builder<'_, '_> {
    /// The feed-forward part of `x`.
    pub(crate) fn feed_forward(&mut self, x: Value, part: &FeedForward) -> Value {
        match part {
            FeedForward::Gated(gated) => self.gated(x, gated),
            FeedForward::Plain(plain) => self.plain(x, plain),
            FeedForward::Experts(experts) => self.routed(x, experts, experts.rule()),
            FeedForward::Mixture(mixture) => self.mixture(x, mixture),
        }
    }
}
