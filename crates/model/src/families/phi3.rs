//! Phi 3, 3.5 and 4, dense (arXiv 2404.14219): Llama with fused projections, heads rotated by halves, LongRoPE factors.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, Gated, RopeFactors};
use crate::error::Error;

pub(super) const PHI3: Family = Family { name: "phi3", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::ShortAndLong)?;
    let window = b.window()?;
    let feed_forward = Gated { is_fused: true, ..Gated::new(b.inner()?, Activation::Silu) };

    let mut x = b.embed(1.0);
    let angles = b.angles("angles", frequencies);
    let attention = Attention { is_fused: true, window, ..Attention::new(heads, RopeStyle::NeoX, angles) };
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
