//! DeepSeekMoE (arXiv 2401.06066): Llama with experts, whose weights stay as the softmax has them, beside shared ones;
//! leading dense layers.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const DEEPSEEK: Family = Family { name: "deepseek", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(false));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::Frequencies, feed_forward)?;
    decoder.replace(dense, |layer| layer < dense_layers);
    decoder.write(b)
}
