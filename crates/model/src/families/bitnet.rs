//! BitNet b1.58 (arXiv 2402.17764): as Llama, with a norm before the last product of each part.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const BITNET: Family = Family { name: "bitnet", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let gated = Gated { has_sub_norm: true, ..Gated::new(b.inner()?, Activation::Silu) };
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, FeedForward::Gated(gated))?;
    decoder.attention.has_sub_norm = true;
    decoder.write(b)
}
