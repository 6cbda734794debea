//! Gemma (arXiv 2403.08295): an embedding scaled by the square root of the width, tanh GELU. Files hold gains with the 1
//! already added.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const GEMMA: Family = Family { name: "gemma", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Gelu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.embedding_scale = (b.hidden_size as f32).sqrt();
    decoder.write(b)
}
