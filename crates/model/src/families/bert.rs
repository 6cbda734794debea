//! BERT (arXiv 1810.04805) and what follows its shape: encoders that read a text as a whole, with norms of the sums.
//!
//! XLM-RoBERTa (arXiv 1911.02116) is `bert` too: converters leave out the rows of positions that no token has.

use hefu_numerics::program::{Activation, At, RopeStyle};

use super::Family;
use crate::build::limits::MAX_LAYERS;
use crate::build::{
    ALIBI, Attention, Builder, Encoded, FeedForward, Gated, Mixture, Plain, Presence, Residual, RopeFactors,
};
use crate::error::Error;

pub(super) const BERT: Family = Family { name: "bert", write };
/// Nomic Embed (arXiv 2402.01613): heads rotate by halves, feed-forward parts have gates.
pub(super) const NOMIC_BERT: Family = Family { name: "nomic-bert", write: write_nomic };
/// Nomic Embed 2 (arXiv 2502.07972): heads rotate by halves, every second layer has experts without gates.
pub(super) const NOMIC_BERT_MOE: Family = Family { name: "nomic-bert-moe", write: write_nomic_moe };
/// Jina embeddings 3 (arXiv 2409.10173), its adapters merged: heads rotate by halves.
pub(super) const JINA_BERT_V3: Family = Family { name: "jina-bert-v3", write: write_jina };

/// Jina embeddings 2 (arXiv 2310.19923): scores fall with the distance, feed-forward parts have gates.
pub(super) const JINA_BERT_V2: Family = Family { name: "jina-bert-v2", write: write_distances };

/// Encoding of positions.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Places {
    /// By a row of a table that is added to it.
    Table,
    /// By the rotation of its heads.
    Rotation,
    /// By the distance of what it sees.
    Distance,
}

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = plain(b)?;
    write_with(b, |_| feed_forward, Places::Table)
}

fn write_nomic(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let gated = Gated::new(b.inner()?, Activation::Silu);
    write_with(b, |_| FeedForward::Gated(Gated { bias: Presence::Optional, ..gated }), Places::Rotation)
}

fn write_nomic_moe(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense = plain(b)?;
    let period = b.keys.size("moe_every_n_layers", 0, MAX_LAYERS)?.unwrap_or(0);
    let experts = FeedForward::Mixture(Mixture::read(b, Activation::GeluErf)?.scored(false).ungated());
    write_with(b, |layer| if period > 0 && layer % period == 1 { experts } else { dense }, Places::Rotation)
}

fn write_jina(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = plain(b)?;
    write_with(b, |_| feed_forward, Places::Rotation)
}

fn write_distances(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let gated = Gated::new(b.inner()?, Activation::GeluErf);
    // Converters write gate and up apart, or both as one.
    let is_fused = !b.has("blk.0.ffn_gate.weight");
    let feed_forward = FeedForward::Gated(Gated { bias: Presence::Optional, is_fused, ..gated });
    write_with(b, |_| feed_forward, Places::Distance)
}

fn plain(b: &mut Builder<'_, '_>) -> Result<FeedForward, Error> {
    Plain::read(b, Activation::GeluErf, Presence::Optional).map(FeedForward::Plain)
}

fn write_with(
    b: &mut Builder<'_, '_>,
    feed_forward: impl Fn(usize) -> FeedForward,
    places: Places,
) -> Result<(), Error> {
    const RESIDUAL: Residual = Residual {
        before: [None; 2],
        on_sum: [Some("attn_output_norm"), Some("layer_output_norm")],
        ..Residual::PLAIN
    };
    b.read_whole();
    b.use_layer_norms(Presence::Optional)?;
    let heads = b.heads()?;
    b.keys.know(&["rope.freq_base"]);
    let rotation = if places == Places::Rotation { Some(b.rope(heads.key, RopeFactors::None)?) } else { None };

    let mut x = b.embed(1.0);
    if b.has("token_types.weight") {
        let types = b.outputs("token_types").unwrap_or(1);
        let first = b.table_rows("token_type", "token_types", types, if types > 1 { At::Part } else { At::Row(0) });
        x = b.add("typed", x, first);
    }
    if places == Places::Table {
        let positions = b.table_rows("positions", "position_embd", b.context_length, At::Position);
        x = b.add("embedded", x, positions);
    }
    x = b.norm(x, "token_embd_norm");
    let angles = rotation.map(|rotation| b.angles("angles", rotation));
    let (input_bias, output_bias) = (Presence::Optional, Presence::Optional);
    let alibi = (places == Places::Distance).then_some(ALIBI);
    let attention = Attention { angles, alibi, input_bias, output_bias, ..Attention::new(heads, RopeStyle::NeoX) };
    for layer in 0..b.layers {
        b.layer(layer);
        let attention = Attention { is_fused: b.has("attn_qkv.weight"), ..attention };
        x = b.block(x, &RESIDUAL, |b, x| b.attention(x, &attention), |b, x| b.feed_forward(x, &feed_forward(layer)));
    }
    b.encoded(x, Encoded { norm: None, classifier: Activation::Tanh })
}
