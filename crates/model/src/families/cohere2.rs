//! Command R7B and A (arXiv 2504.00698): both parts of a block read the same norm; three local layers to each global one,
//! which does not rotate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const COHERE2: Family = Family { name: "cohere2", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Forbidden)?;
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.set_windows(b.windows(PERIOD)?);
    decoder.rotate_windows_alone();
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.residual = Residual { before: [Some("attn_norm"), None], is_parallel: true, ..Residual::PLAIN };
    decoder.output.scale = b.factor("logit_scale")?;
    decoder.write(b)
}
