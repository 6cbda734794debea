//! Qwen 3, dense (arXiv 2505.09388): Qwen 2 with a norm of every query's and key's head in place of the biases.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const QWEN3: Family = Family { name: "qwen3", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    write_with(b, &feed_forward)
}

/// The program with either feed-forward part.
pub(super) fn write_with(b: &mut Builder<'_, '_>, feed_forward: &FeedForward) -> Result<(), Error> {
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::None)?;

    let mut x = b.embed(1.0);
    let angles = b.angles("angles", frequencies);
    let attention = Attention { has_head_norm: true, ..Attention::new(heads, RopeStyle::NeoX, angles) };
    for layer in 0..b.layers {
        b.layer(layer);
        let normed = b.norm(x, "attn_norm");
        let attended = b.attention(normed, &attention);
        x = b.add("attention_residual", x, attended);
        let normed = b.norm(x, "ffn_norm");
        let mixed = b.feed_forward(normed, feed_forward);
        x = b.add("block_output", x, mixed);
    }
    b.output(x, None);
    Ok(())
}
