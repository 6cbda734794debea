//! Llama 2 and 3, Mistral, Mixtral, SmolLM, Yi and the many that share their shape.
//!
//! Touvron et al., arXiv 2302.13971 and 2307.09288. Converters permute the rows of queries and keys so that
//! neighbouring elements rotate together.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, Experts, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const LLAMA: Family = Family { name: "llama", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::Frequencies)?;
    let (counts, inner, activation) = (b.expert_counts()?, b.inner()?, Activation::Silu);
    let feed_forward = match counts {
        Some((count, used)) => FeedForward::Experts(Experts { count, used, inner, activation }),
        None => FeedForward::Gated(Gated { bias: Presence::Optional, ..Gated::new(inner, activation) }),
    };

    let mut x = b.embed(1.0);
    let angles = b.angles("angles", frequencies);
    let attention = Attention {
        input_bias: Presence::Optional,
        output_bias: Presence::Optional,
        ..Attention::new(heads, RopeStyle::Interleaved, angles)
    };
    for layer in 0..b.layers {
        b.layer(layer);
        let normed = b.norm(x, "attn_norm");
        let attended = b.attention(normed, &attention);
        x = b.add("attention_residual", x, attended);
        let normed = b.norm(x, "ffn_norm");
        let mixed = b.feed_forward(normed, &feed_forward);
        x = b.add("block_output", x, mixed);
    }
    b.output(x, None);
    Ok(())
}
