//! GLM 4 of 2025 (9B, 32B and Z1): norms before and after each part, a part of each head rotates by neighbours.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const GLM4: Family = Family { name: "glm4", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated { is_fused: true, ..Gated::new(b.inner()?, Activation::Silu) });
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.residual = Residual::AROUND;
    decoder.write(b)
}
