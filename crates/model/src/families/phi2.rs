//! Phi 1, 1.5 and 2: both parts of a block read the same norm, biases everywhere, a part of each head rotates.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const PHI2: Family = Family { name: "phi2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::Gelu, Presence::Required)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Required;
    decoder.attention.output_bias = Presence::Required;
    decoder.residual = Residual { before: [Some("attn_norm"), None], is_parallel: true, ..Residual::PLAIN };
    decoder.output.bias = Presence::Required;
    decoder.write(b)
}
