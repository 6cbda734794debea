//! Trinity (Arcee AFM with experts): gated attention, three local layers to each global one, which does not rotate, norms
//! before and after each part, experts by sigmoid and bias.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Mixture, Residual, RopeFactors};
use crate::error::Error;

pub(super) const AFMOE: Family = Family { name: "afmoe", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(true));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.replace(dense, |layer| layer < dense_layers);
    decoder.set_windows(b.windows(PERIOD)?);
    for (index, layer) in decoder.layers.iter_mut().enumerate() {
        layer.is_rotated = !(index + 1).is_multiple_of(PERIOD);
    }
    decoder.attention.has_gate = true;
    decoder.attention.norm = HeadNorm::Heads;
    decoder.residual = Residual::AROUND;
    decoder.embedding_scale = (b.hidden_size as f32).sqrt();
    decoder.write(b)
}
