//! SmolLM 3: Llama of which every fourth layer does not rotate (NoPE, arXiv 2305.19466).

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, Gated, RopeFactors};
use crate::error::Error;

pub(super) const SMOLLM3: Family = Family { name: "smollm3", write };

/// Layers from one that does not rotate to the next.
const PERIOD: usize = 4;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::None)?;
    let feed_forward = Gated::new(b.inner()?, Activation::Silu);

    let mut x = b.embed(1.0);
    let angles = b.angles("angles", frequencies);
    let attention = Attention::new(heads, RopeStyle::Interleaved, angles);
    for layer in 0..b.layers {
        b.layer(layer);
        let angles = if (layer + 1).is_multiple_of(PERIOD) { None } else { attention.angles };
        let normed = b.norm(x, "attn_norm");
        let attended = b.attention(normed, &Attention { angles, ..attention });
        x = b.add("attention_residual", x, attended);
        let normed = b.norm(x, "ffn_norm");
        let mixed = b.gated(normed, &feed_forward);
        x = b.add("block_output", x, mixed);
    }
    b.output(x, None);
    Ok(())
}
