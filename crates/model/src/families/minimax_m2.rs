//! MiniMax M2: experts by sigmoid and bias, norms of whole rows of queries and keys, a part of each head rotates.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, HeadNorm, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const MINIMAX_M2: Family = Family { name: "minimax-m2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(true).normalised());
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.norm = HeadNorm::Row;
    decoder.write(b)
}
