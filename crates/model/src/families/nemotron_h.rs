//! Nemotron H, Nano 2 and 3 (arXiv 2504.03624, 2508.14444): every layer is one part, of Mamba 2, attention without rotation, or
//! a feed-forward part by a squared ReLU without a gate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::limits::MAX_FEED_FORWARD;
use crate::build::{Attention, Builder, FeedForward, Mamba, Mixture, Output, Plain, Presence, Residual};
use crate::error::Error;

pub(super) const NEMOTRON_H: Family = Family { name: "nemotron_h", write };
pub(super) const NEMOTRON_H_MOE: Family = Family { name: "nemotron_h_moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.keys.know(&["rope.dimension_count", "rope.freq_base"]);
    // Of the last norm of the block that only guesses.
    let draft_epsilon = b.keys.number("attention.layer_norm_epsilon", 0.0, 1.0)?;
    let layers = b.trunk()?;
    let (heads, attends) = b.heads_of_some()?;
    let inner = b.keys.sizes("feed_forward_length", b.layers, MAX_FEED_FORWARD)?.unwrap_or_default();
    let (mamba, activation) = (Mamba::read(b)?, Activation::SquaredRelu);
    let mixture = match b.expert_counts()? {
        Some(_) => Some(FeedForward::Mixture(Mixture::read(b, activation)?.scored(true).ungated())),
        None => None,
    };
    let scale = b.factor("attention.scale")?;

    let mut x = b.embed(1.0);
    let (input_bias, output_bias) = (Presence::Optional, Presence::Optional);
    let mut attention = Attention { input_bias, output_bias, ..Attention::new(heads, RopeStyle::NeoX) };
    attention.scale = scale.unwrap_or(attention.scale);
    for (layer, (attends, inner)) in attends.into_iter().zip(inner).take(layers).enumerate() {
        b.layer(layer);
        let normed = b.norm(x, "attn_norm");
        let plain = FeedForward::Plain(Plain { suffix: "", inner, activation, bias: Presence::Optional });
        let made = match (inner > 0, attends) {
            (true, _) => b.feed_forward(normed, mixture.as_ref().unwrap_or(&plain)),
            (false, true) => b.attention(normed, &attention),
            (false, false) => mamba.mix(b, normed),
        };
        x = b.add("block_output", x, made);
    }
    b.output(x, Output::PLAIN);
    if let Some(mixture) = mixture {
        // Unlike the others this block has both parts.
        let residual = Residual { before: [Some("attn_norm"), Some("post_attention_norm")], ..Residual::PLAIN };
        b.drafter_normed(draft_epsilon, |b, x| {
            b.block(x, &residual, |b, x| b.attention(x, &attention), |b, x| b.feed_forward(x, &mixture))
        });
    }
    Ok(())
}
