//! Qwen 2 and 2.5 (arXiv 2407.10671): Llama with biases of queries, keys and values, and heads rotated by halves.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const QWEN2: Family = Family { name: "qwen2", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::None)?;
    let feed_forward = Gated::new(b.inner()?, Activation::Silu);

    let mut x = b.embed(1.0);
    let angles = b.angles("angles", frequencies);
    let attention = Attention { input_bias: Presence::Required, ..Attention::new(heads, RopeStyle::NeoX, angles) };
    for layer in 0..b.layers {
        b.layer(layer);
        let normed = b.norm(x, "attn_norm");
        let attended = b.attention(normed, &attention);
        x = b.add("attention_residual", x, attended);
        let normed = b.norm(x, "ffn_norm");
        let mixed = b.gated(normed, &feed_forward);
        x = b.add("block_output", x, mixed);
    }
    b.output(x, None);
    Ok(())
}
