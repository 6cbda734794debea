//! Hunyuan, dense: Llama rotated by halves, with a norm of every query's and key's head after the rotation.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Presence, RopeFactors};
use crate::error::Error;

pub(super) const HUNYUAN_DENSE: Family = Family { name: "hunyuan-dense", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    write_with(b, feed_forward)
}

/// The program with either feed-forward part.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: FeedForward) -> Result<(), Error> {
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.norm = HeadNorm::RotatedHeads;
    decoder.write(b)
}
