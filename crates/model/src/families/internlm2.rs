//! InternLM 2 and 2.5 (arXiv 2403.17297): Llama whose fused tensors converters take apart.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const INTERNLM2: Family = Family { name: "internlm2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.write(b)
}
