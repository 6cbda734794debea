//! Falcon (arXiv 2311.16867): both parts of a block read the same norm, in the large ones norms of their own; one tensor of
//! queries, keys and values, with few heads of the latter two; GELU by the error function, without a gate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const FALCON: Family = Family { name: "falcon", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::GeluErf, Presence::Forbidden)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.is_fused = true;
    let before = match b.has("blk.0.attn_norm_2.weight") {
        true => [Some("attn_norm_2"), Some("attn_norm")],
        false => [Some("attn_norm"), None],
    };
    decoder.residual = Residual { before, is_parallel: true, ..Residual::PLAIN };
    decoder.write(b)
}
