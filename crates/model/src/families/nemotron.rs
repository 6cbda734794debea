//! Nemotron 4 and Minitron (arXiv 2402.16819): norms about the mean whose gains have the 1 already added, a squared ReLU and
//! no gate; a part of each head rotates.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, RopeFactors};
use crate::error::Error;

pub(super) const NEMOTRON: Family = Family { name: "nemotron", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::SquaredRelu, Presence::Optional)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.write(b)
}
