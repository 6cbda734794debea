//! Phi 3, 3.5 and 4, dense (arXiv 2404.14219): Llama with fused projections, heads rotated by halves, LongRoPE factors.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const PHI3: Family = Family { name: "phi3", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated { is_fused: true, ..Gated::new(b.inner()?, Activation::Silu) });
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::ShortAndLong, feed_forward)?;
    let window = b.window()?;
    decoder.set_windows(std::iter::repeat(window));
    decoder.attention.is_fused = true;
    decoder.write(b)
}
