//! Granite 4 H: most layers are Mamba 2, some have attention; factors as in the dense ones, experts beside one for every row
//! in some models.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, FeedForward, Gated, Mamba, Mixture, Output, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const GRANITE_HYBRID: Family = Family { name: "granitehybrid", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let layers = b.trunk()?;
    let (heads, attends) = b.heads_of_some()?;
    let (mamba, activation) = (Mamba::read(b)?, Activation::Silu);
    let feed_forward = match b.expert_counts()? {
        Some(_) => FeedForward::Mixture(Mixture::read(b, activation)?.scored(false).normalised()),
        None => FeedForward::Gated(Gated { bias: Presence::Optional, ..Gated::new(b.inner()?, activation) }),
    };
    let frequencies = b.rope(heads.key, RopeFactors::Frequencies)?;
    let is_rotated = b.keys.boolean("rope.scaling.finetuned")? != Some(false);
    let mut attention = Attention { output_bias: Presence::Optional, ..Attention::new(heads, RopeStyle::Interleaved) };
    attention.scale = b.factor("attention.scale")?.unwrap_or(attention.scale);
    let residual = Residual { scale: b.factor("residual_scale")?, ..Residual::PLAIN };
    let embedding_scale = b.factor("embedding_scale")?.unwrap_or(1.0);
    let scale = b.factor("logit_scale")?.map(|divisor| 1.0 / divisor);

    let mut x = b.embed(embedding_scale);
    attention.angles = is_rotated.then(|| b.angles("angles", frequencies));
    for (layer, attends) in attends.into_iter().take(layers).enumerate() {
        b.layer(layer);
        x = b.block(
            x,
            &residual,
            |b, x| if attends { b.attention(x, &attention) } else { mamba.mix(b, x) },
            |b, x| b.feed_forward(x, &feed_forward),
        );
    }
    b.output(x, Output { scale, ..Output::PLAIN });
    Ok(())
}
