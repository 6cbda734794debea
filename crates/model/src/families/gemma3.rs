//! Gemma 3, text (arXiv 2503.19786).
//!
//! Norms before and after each part of a block (files hold the gains with the 1 already added), five local layers to
//! each global one, an embedding scaled by the square root of the width.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, Gated, RopeFactors, score_scale};
use crate::error::Error;

pub(super) const GEMMA3: Family = Family { name: "gemma3", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 6;
/// Base of the local layers' rotation where the file has none.
const LOCAL_BASE: f64 = 10_000.0;
/// The model of 27 billion parameters, alone with so many layers, scales scores by 1 / sqrt(168), its width per head.
const LAYERS_OF_27B: usize = 62;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let heads = b.heads()?;
    let frequencies = b.rope(heads.key, RopeFactors::None)?;
    let local_frequencies = b.local_rope(heads.key, LOCAL_BASE)?;
    let windows = b.windows(PERIOD)?;
    let feed_forward = Gated::new(b.inner()?, Activation::Gelu);
    let cap = b.keys.number("final_logit_softcapping", 0.0, 1e6)?.filter(|cap| *cap > 0.0);
    let scale = score_scale(if b.layers == LAYERS_OF_27B { b.width / heads.queries } else { heads.key });

    let mut x = b.embed((b.width as f32).sqrt());
    let angles = b.angles("angles", frequencies);
    let local_angles = b.angles("local_angles", local_frequencies);
    for (layer, window) in windows.into_iter().enumerate() {
        b.layer(layer);
        let angles = if window.is_some() { local_angles } else { angles };
        let attention = Attention::new(heads, RopeStyle::NeoX, angles);
        let normed = b.norm(x, "attn_norm");
        let attended = b.attention(normed, &Attention { window, scale, has_head_norm: true, ..attention });
        let normed = b.norm(attended, "post_attention_norm");
        x = b.add("attention_residual", x, normed);
        let normed = b.norm(x, "ffn_norm");
        let mixed = b.gated(normed, &feed_forward);
        let normed = b.norm(mixed, "post_ffw_norm");
        x = b.add("block_output", x, normed);
    }
    b.output(x, cap);
    Ok(())
}
