//! Ministral 3 and others: Llama whose queries grow with their positions.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::limits::MAX_CONTEXT;
use crate::build::{Builder, Decoder, Experts, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const MISTRAL3: Family = Family { name: "mistral3", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let (counts, inner, activation) = (b.expert_counts()?, b.inner()?, Activation::Silu);
    let feed_forward = match counts {
        Some(counts) => FeedForward::Experts(Experts::new(counts, inner, activation)),
        None => FeedForward::Gated(Gated { bias: Presence::Optional, ..Gated::new(inner, activation) }),
    };
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::Frequencies, feed_forward)?;
    let key = decoder.attention.heads.key;
    decoder.rotation = b.rope_with_multiplier(key, RopeFactors::Frequencies)?;
    let growth = b.factor("attention.temperature_scale")?;
    let original = b.keys.size("rope.scaling.original_context_length", 1, MAX_CONTEXT)?.unwrap_or(b.context_length);
    decoder.temperature = growth.map(|growth| (original, growth));
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    let scale = b.factor("attention.scale")?;
    decoder.attention.scale = scale.unwrap_or(decoder.attention.scale);
    decoder.write(b)
}
