//! ChatGLM 3 and GLM 4 of 2024 (arXiv 2406.12793): fused tensors with a bias, half of each head rotates by neighbours.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const CHATGLM: Family = Family { name: "chatglm", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated { is_fused: true, ..Gated::new(b.inner()?, Activation::Silu) });
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.attention.is_fused = true;
    decoder.attention.input_bias = Presence::Required;
    decoder.write(b)
}
