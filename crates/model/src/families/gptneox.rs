//! GPT-NeoX and Pythia (arXiv 2204.06745, 2304.01373): fused tensors with a bias, norms about the mean, GELU by the error
//! function without a gate; a part of each head rotates.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const GPT_NEOX: Family = Family { name: "gptneox", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::GeluErf, Presence::Required)?);
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.is_fused = true;
    decoder.attention.input_bias = Presence::Required;
    decoder.attention.output_bias = Presence::Required;
    let is_parallel = b.keys.boolean("use_parallel_residual")?.unwrap_or(true);
    decoder.residual = Residual { is_parallel, ..Residual::PLAIN };
    decoder.write(b)
}
