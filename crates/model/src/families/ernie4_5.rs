//! ERNIE 4.5, dense: Llama with biases in some.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const ERNIE4_5: Family = Family { name: "ernie4_5", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.write(b)
}
