//! dots.llm1 (arXiv 2506.05767): experts by sigmoid and bias beside shared ones, leading dense layers.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const DOTS1: Family = Family { name: "dots1", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.replace(dense, |layer| layer < dense_layers);
    decoder.attention.norm = HeadNorm::Heads;
    decoder.write(b)
}
