//! EXAONE 4 (arXiv 2507.11407): a norm after each part and none before; the large one has three local layers to each global
//! one, which does not rotate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Residual, RopeFactors};
use crate::error::Error;

pub(super) const EXAONE4: Family = Family { name: "exaone4", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::Frequencies, feed_forward)?;
    decoder.set_windows(b.windows(PERIOD)?);
    decoder.rotate_windows_alone();
    decoder.attention.norm = HeadNorm::Heads;
    decoder.residual = Residual::AFTER;
    decoder.write(b)
}
