//! ModernBERT (arXiv 2412.13663): an encoder with norms before the parts, gates, rotation, and two local layers to each global
//! one.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Attention, Builder, Encoded, FeedForward, Gated, Presence, Residual, RopeFactors};
use crate::error::Error;

pub(super) const MODERN_BERT: Family = Family { name: "modern-bert", write };

/// Layers from one that sees all of a text to the next.
const PERIOD: usize = 3;
/// Base of the local layers' rotation where the file has none.
const LOCAL_BASE: f64 = 10_000.0;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.read_whole();
    b.use_layer_norms(Presence::Forbidden)?;
    let activation = b.activation("hidden_activation", Activation::GeluErf)?;
    let feed_forward = FeedForward::Gated(Gated { is_fused: true, ..Gated::new(b.inner()?, activation) });
    let heads = b.heads()?;
    let (global, local) = (b.rope(heads.key, RopeFactors::None)?, b.local_rope(heads.key, LOCAL_BASE)?);
    let windows = b.windows_around(PERIOD, false)?;
    let classifier = b.activation("classifier.activation", Activation::GeluErf)?;

    let embedded = b.embed(1.0);
    let mut x = b.norm(embedded, "token_embd_norm");
    let (global, local) = (b.angles("angles", global), b.angles("local_angles", local));
    let attention = Attention { is_fused: true, ..Attention::new(heads, RopeStyle::NeoX) };
    for (layer, window) in windows.into_iter().enumerate() {
        b.layer(layer);
        let angles = Some(if window.is_some() { local } else { global });
        let attention = Attention { window, angles, ..attention };
        // The first layer reads a row that has gone through a norm already.
        let first = b.has("attn_norm.weight").then_some("attn_norm");
        let residual = Residual { before: [first, Some("ffn_norm")], ..Residual::PLAIN };
        x = b.block(x, &residual, |b, x| b.attention(x, &attention), |b, x| b.feed_forward(x, &feed_forward));
    }
    b.encoded(x, Encoded { norm: Some("output_norm"), classifier })
}
