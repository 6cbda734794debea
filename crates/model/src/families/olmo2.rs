//! OLMo 2 and 3 (arXiv 2501.00656, 2512.13961): a norm after each part and none before, norms of whole rows of queries and
//! keys. In the third three of four layers see a window, and these rotate without scaling.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Residual, RopeFactors};
use crate::error::Error;

pub(super) const OLMO2: Family = Family { name: "olmo2", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    let key = decoder.attention.heads.key;
    let base = b.rope_by_keys(key, false)?.base;
    decoder.local_rotation = Some(b.local_rope(key, base)?);
    decoder.set_windows(b.windows(PERIOD)?);
    decoder.attention.norm = HeadNorm::Row;
    decoder.residual = Residual::AFTER;
    decoder.write(b)
}
