//! StableLM 2 and 3B (arXiv 2402.17834): Llama with norms about the mean; a part of each head rotates. The models with norms
//! of heads are not among them.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const STABLELM: Family = Family { name: "stablelm", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.write(b)
}
