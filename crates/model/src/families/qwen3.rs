//! Qwen 3, dense (arXiv 2505.09388): Qwen 2 with a norm of every query's and key's head in place of the biases.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, RopeFactors};
use crate::error::Error;

pub(super) const QWEN3: Family = Family { name: "qwen3", write };

pub(super) fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    write_with(b, feed_forward)
}

/// The program with either feed-forward part.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: FeedForward) -> Result<(), Error> {
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.norm = HeadNorm::Heads;
    decoder.write(b)
}
