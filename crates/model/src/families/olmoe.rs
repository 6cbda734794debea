//! OLMoE (arXiv 2409.02060): experts whose weights stay as the softmax has them, norms of whole rows of queries and keys.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, HeadNorm, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const OLMOE: Family = Family { name: "olmoe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(false));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.norm = HeadNorm::Row;
    decoder.write(b)
}
