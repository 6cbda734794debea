//! BLOOM (arXiv 2211.05100): scores fall with the distance, a norm of the embedding, fused tensors with a bias, norms about
//! the mean.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{ALIBI, Builder, Decoder, FeedForward, Plain, Presence, RopeFactors};
use crate::error::Error;

pub(super) const BLOOM: Family = Family { name: "bloom", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::Gelu, Presence::Required)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.layers.iter_mut().for_each(|layer| layer.is_rotated = false);
    decoder.embedding_norm = Some("token_embd_norm");
    decoder.attention.alibi = Some(ALIBI);
    decoder.attention.is_fused = true;
    decoder.attention.input_bias = Presence::Required;
    decoder.attention.output_bias = Presence::Required;
    decoder.write(b)
}
