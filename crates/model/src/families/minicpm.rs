//! MiniCPM (arXiv 2404.06395): Llama with factors of the embedding, what each part makes and the logits.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const MINICPM: Family = Family { name: "minicpm", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward =
        FeedForward::Gated(Gated { bias: Presence::Optional, ..Gated::new(b.inner()?, Activation::Silu) });
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::ShortAndLong, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    let layers = decoder.layers.len() as f32;
    decoder.embedding_scale = b.factor("embedding_scale")?.unwrap_or(12.0);
    decoder.residual.scale = Some(b.factor("residual_scale")?.unwrap_or(1.4 / layers.sqrt()));
    // Files hold its reciprocal.
    let scale = b.factor("logit_scale")?.map(|divisor| 1.0 / divisor);
    decoder.output.scale = Some(scale.unwrap_or(256.0 / b.hidden_size as f32));
    decoder.write(b)
}
