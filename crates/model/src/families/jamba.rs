//! Jamba (arXiv 2403.19887): most layers are Mamba 1 with norms of steps, keys and queries, some have attention without
//! rotation; experts in some layers, in some models.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, FeedForward, Gated, Mixture, Output, Residual, SelectiveScan};
use crate::error::Error;

pub(super) const JAMBA: Family = Family { name: "jamba", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    // Nothing rotates.
    b.keys.know(&["rope.freq_base"]);
    let (heads, attends) = b.heads_of_some()?;
    let (mixer, activation) = (SelectiveScan::read(b)?, Activation::Silu);
    let dense = FeedForward::Gated(Gated::new(b.inner()?, activation));
    let experts = match b.expert_counts()? {
        Some(_) => FeedForward::Mixture(Mixture::read(b, activation)?.scored(false)),
        None => dense,
    };
    let attention = Attention::new(heads, RopeStyle::NeoX);
    let mut x = b.embed(1.0);
    for (layer, attends) in attends.into_iter().enumerate() {
        b.layer(layer);
        let feed_forward = if b.has("ffn_gate_inp.weight") { experts } else { dense };
        x = b.block(
            x,
            &Residual::PLAIN,
            |b, x| if attends { b.attention(x, &attention) } else { mixer.mix(b, x) },
            |b, x| b.feed_forward(x, &feed_forward),
        );
    }
    b.output(x, Output::PLAIN);
    Ok(())
}
