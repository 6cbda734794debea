//! GLM 4.5 and later with experts (arXiv 2508.06471): experts by sigmoid beside a shared one, leading dense layers.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Mixture, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const GLM4_MOE: Family = Family { name: "glm4moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(true));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.replace(dense, |layer| layer < dense_layers);
    decoder.attention.input_bias = Presence::Optional;
    // Only the largest has these norms.
    if b.has("blk.0.attn_q_norm.weight") {
        decoder.attention.norm = HeadNorm::Heads;
    }
    decoder.residual = Residual { before: [Some("attn_norm"), Some("post_attention_norm")], ..Residual::PLAIN };
    decoder.write(b)
}
