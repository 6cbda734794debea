//! ERNIE 4.5 with experts, chosen by a softmax and a bias, beside shared ones, in all layers but leading ones.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::limits::MAX_LAYERS;
use crate::build::{Builder, Decoder, FeedForward, Gated, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const ERNIE4_5_MOE: Family = Family { name: "ernie4_5-moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let step = b.keys.size("interleave_moe_layer_step", 1, MAX_LAYERS)?.unwrap_or(1);
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(false).normalised());
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    decoder.replace(dense, |layer| layer < dense_layers || !(layer + 1).is_multiple_of(step));
    decoder.write(b)
}
