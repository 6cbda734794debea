//! StarCoder 2 (arXiv 2402.19173): norms about the mean, biases everywhere, a feed-forward part without a gate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, RopeFactors};
use crate::error::Error;

pub(super) const STARCODER2: Family = Family { name: "starcoder2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::Gelu, Presence::Required)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Required;
    decoder.attention.output_bias = Presence::Required;
    decoder.write(b)
}
