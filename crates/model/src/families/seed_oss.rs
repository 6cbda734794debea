//! Seed-OSS: Qwen 2 with wider heads.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const SEED_OSS: Family = Family { name: "seed_oss", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.residual = Residual { before: [Some("attn_norm"), Some("post_attention_norm")], ..Residual::PLAIN };
    decoder.write(b)
}
