//! Qwen 2 and 2.5 (arXiv 2407.10671): Llama with biases of queries, keys and values, and heads rotated by halves.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const QWEN2: Family = Family { name: "qwen2", write };

pub(super) fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Required;
    decoder.write(b)
}
