//! Falcon H1 (arXiv 2507.22448): every layer has attention and a Mamba 2 mixer beside each other. Converters have multiplied the
//! model's many factors into its matrices.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, FeedForward, Gated, Mamba, Output, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const FALCON_H1: Family = Family { name: "falcon-h1", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let inner = b.inner()?;
    let feed_forward = FeedForward::Gated(Gated { bias: Presence::Optional, ..Gated::new(inner, Activation::Silu) });
    let (heads, mamba) = (b.heads()?, Mamba::read(b)?);
    let frequencies = b.rope(heads.key, RopeFactors::Frequencies)?;
    // The second norm's gain has a name without an end.
    let residual = Residual { before: [Some("attn_norm"), None], ..Residual::PLAIN };

    let mut x = b.embed(1.0);
    let angles = Some(b.angles("angles", frequencies));
    let (input_bias, output_bias) = (Presence::Optional, Presence::Optional);
    let attention = Attention { angles, input_bias, output_bias, ..Attention::new(heads, RopeStyle::NeoX) };
    for layer in 0..b.layers {
        b.layer(layer);
        x = b.block(
            x,
            &residual,
            |b, x| {
                let (attention_output, scanned) = (b.attention(x, &attention), mamba.mix(b, x));
                b.add("mixed", attention_output, scanned)
            },
            |b, x| {
                let normed = b.norm_of("ffn_norm", x, "ffn_norm");
                b.feed_forward(normed, &feed_forward)
            },
        );
    }
    b.output(x, Output::PLAIN);
    Ok(())
}
