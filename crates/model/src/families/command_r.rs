//! Command R and Aya: both parts of a block read the same norm. The models with norms of heads are not among them.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const COMMAND_R: Family = Family { name: "command-r", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Forbidden)?;
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.residual = Residual { before: [Some("attn_norm"), None], is_parallel: true, ..Residual::PLAIN };
    decoder.output.scale = b.factor("logit_scale")?;
    decoder.write(b)
}
