//! MPT (MosaicML, 2023): scores fall with the distance, no biases, norms about the mean, GELU by the error function without a
//! gate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, RopeFactors};
use crate::error::Error;

pub(super) const MPT: Family = Family { name: "mpt", write };

/// The largest exponent of slopes that makes sense: with it, a distance of one position already hides what is there.
const MOST: f32 = 128.0;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Optional)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::GeluErf, Presence::Optional)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.layers.iter_mut().for_each(|layer| layer.is_rotated = false);
    // A bound of 0 is none.
    b.keys.number("attention.clamp_kqv", 0.0, 0.0)?;
    decoder.attention.alibi = b.keys.number("attention.max_alibi_bias", 0.0, MOST)?.filter(|most| *most > 0.0);
    decoder.has_positions = b.has("position_embd.weight");
    decoder.attention.is_fused = true;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.write(b)
}
