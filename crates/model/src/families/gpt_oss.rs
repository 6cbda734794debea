//! gpt-oss (arXiv 2508.10925): a sink for each head, windows on every other layer, biases everywhere, experts weighed by a
//! softmax of the chosen alone.

use hefu_numerics::program::{Activation, RopeStyle, Scoring};

use super::Family;
use crate::build::{Builder, Decoder, Experts, FeedForward, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const GPT_OSS: Family = Family { name: "gpt-oss", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 2;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let (counts, inner) = (b.required_expert_counts()?, b.expert_inner()?);
    let experts = Experts::new(counts, inner, Activation::BoundedSilu);
    let feed_forward = FeedForward::Experts(Experts { has_biases: true, scoring: Scoring::SoftmaxOfChosen, ..experts });
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.set_windows(b.windows(PERIOD)?);
    decoder.attention.has_sinks = true;
    decoder.attention.input_bias = Presence::Required;
    decoder.attention.output_bias = Presence::Required;
    decoder.residual = Residual { before: [Some("attn_norm"), Some("post_attention_norm")], ..Residual::PLAIN };
    decoder.write(b)
}
