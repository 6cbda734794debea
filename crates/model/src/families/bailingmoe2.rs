//! Ling and Ring 2 (arXiv 2510.22115): experts by sigmoid, bias and groups beside a shared one, leading dense layers; a
//! part of each head rotates.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const BAILING_MOE2: Family = Family { name: "bailingmoe2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.replace(dense, |layer| layer < dense_layers);
    decoder.attention.is_fused = true;
    decoder.attention.norm = HeadNorm::Heads;
    decoder.write(b)
}
