//! Gemma 2 (arXiv 2408.00118): norms before and after each part, scores and logits with a bound, windows on every other
//! layer. Files hold gains with the 1 already added.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, Residual, RopeFactors, score_scale};
use crate::error::Error;

pub(super) const GEMMA2: Family = Family { name: "gemma2", write };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 2;
/// Positions that a local layer sees where the file does not say.
const WINDOW: usize = 4096;
/// Bounds where the file does not say.
const SCORE_CAP: f32 = 50.0;
const LOGIT_CAP: f32 = 30.0;
/// The model of 27 billion parameters, alone with so many layers, scales scores by its width per head.
const LAYERS_OF_27B: usize = 46;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Gelu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    let heads = decoder.attention.heads;
    decoder.set_windows(b.windows_of(PERIOD, Some(WINDOW))?);
    decoder.attention.scale =
        score_scale(if b.layers == LAYERS_OF_27B { b.hidden_size / heads.queries } else { heads.key });
    decoder.attention.cap = Some(b.factor("attn_logit_softcapping")?.unwrap_or(SCORE_CAP));
    decoder.residual = Residual::AROUND;
    decoder.embedding_scale = (b.hidden_size as f32).sqrt();
    decoder.output.cap = Some(b.factor("final_logit_softcapping")?.unwrap_or(LOGIT_CAP));
    decoder.write(b)
}
