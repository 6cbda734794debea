//! Granite 3 and 4, dense: Llama with factors of the embedding, the scores, what each part makes and the logits.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const GRANITE: Family = Family { name: "granite", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let gated = Gated { bias: Presence::Optional, ..Gated::new(b.inner()?, Activation::Silu) };
    write_with(b, FeedForward::Gated(gated))
}

/// The program with either feed-forward part.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: FeedForward) -> Result<(), Error> {
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::Frequencies, feed_forward)?;
    decoder.attention.output_bias = Presence::Optional;
    let scale = b.factor("attention.scale")?;
    decoder.attention.scale = scale.unwrap_or(decoder.attention.scale);
    decoder.embedding_scale = b.factor("embedding_scale")?.unwrap_or(1.0);
    decoder.residual.scale = b.factor("residual_scale")?;
    decoder.output.scale = b.factor("logit_scale")?.map(|divisor| 1.0 / divisor);
    // Of this family's files alone it says whether anything rotates.
    if b.keys.boolean("rope.scaling.finetuned")? == Some(false) {
        decoder.layers.iter_mut().for_each(|layer| layer.is_rotated = false);
    }
    decoder.write(b)
}
