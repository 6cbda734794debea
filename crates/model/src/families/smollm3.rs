//! SmolLM 3: Llama of which every fourth layer does not rotate (NoPE, arXiv 2305.19466).

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const SMOLLM3: Family = Family { name: "smollm3", write };

/// Layers from one that does not rotate to the next.
const PERIOD: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    for (index, layer) in decoder.layers.iter_mut().enumerate() {
        layer.is_rotated = !(index + 1).is_multiple_of(PERIOD);
    }
    decoder.write(b)
}
