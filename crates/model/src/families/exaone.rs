//! EXAONE 3 and 3.5 (arXiv 2412.04862): Llama rotated by halves.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const EXAONE: Family = Family { name: "exaone", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::Frequencies, feed_forward)?;
    decoder.write(b)
}
