//! Gemma 3, text (arXiv 2503.19786).
//!
//! Norms before and after each part of a block (files hold the gains with the 1 already added), five local layers to
//! each global one, an embedding scaled by the square root of the width.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Residual, RopeFactors, score_scale};
use crate::error::Error;

pub(super) const GEMMA3: Family = Family { name: "gemma3", write };
/// EmbeddingGemma (arXiv 2509.20354): the same, reading texts as a whole.
pub(super) const GEMMA_EMBEDDING: Family = Family { name: "gemma-embedding", write: write_encoder };

/// Layers from one that sees all positions to the next.
const PERIOD: usize = 6;
/// Base of the local layers' rotation where the file has none.
const LOCAL_BASE: f64 = 10_000.0;
/// The model of 27 billion parameters, alone with so many layers, scales scores by 1 / sqrt(168), its width per head.
const LAYERS_OF_27B: usize = 62;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let mut decoder = decoder(b)?;
    decoder.set_windows(b.windows(PERIOD)?);
    decoder.write(b)
}

fn write_encoder(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.read_whole();
    let mut decoder = decoder(b)?;
    decoder.set_windows(b.windows_around(PERIOD, true)?);
    decoder.write(b)
}

fn decoder(b: &mut Builder<'_, '_>) -> Result<Decoder, Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Gelu));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    let heads = decoder.attention.heads;
    decoder.local_rotation = Some(b.local_rope(heads.key, LOCAL_BASE)?);
    decoder.attention.norm = HeadNorm::Heads;
    decoder.attention.scale =
        score_scale(if b.layers == LAYERS_OF_27B { b.hidden_size / heads.queries } else { heads.key });
    decoder.residual = Residual::AROUND;
    decoder.embedding_scale = (b.hidden_size as f32).sqrt();
    decoder.output.cap = b.keys.number("final_logit_softcapping", 0.0, 1e6)?.filter(|cap| *cap > 0.0);
    Ok(decoder)
}
