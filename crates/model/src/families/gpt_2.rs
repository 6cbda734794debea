//! GPT-2: every position has a row of its own in place of a rotation, fused tensors with a bias, norms about the mean.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, RopeFactors};
use crate::error::Error;

pub(super) const GPT2: Family = Family { name: "gpt2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::Gelu, Presence::Required)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.layers.iter_mut().for_each(|layer| layer.is_rotated = false);
    decoder.has_positions = true;
    decoder.attention.is_fused = true;
    decoder.attention.input_bias = Presence::Required;
    decoder.attention.output_bias = Presence::Required;
    decoder.write(b)
}
