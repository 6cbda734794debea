//! RWKV-7 (arXiv 2503.14456): every layer reads a memory of fixed size and the row before; no attention.

use super::Family;
use crate::build::{Builder, Output, Presence, TimeMix};
use crate::error::Error;

pub(super) const RWKV7: Family = Family { name: "rwkv7", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    // Of what these models do not have.
    b.keys.know(&[
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "rope.freq_base",
    ]);
    b.use_layer_norms(Presence::Required)?;
    let (time_mix, inner) = (TimeMix::read(b)?, b.inner()?);
    let embedded = b.embed(1.0);
    let mut x = b.norm(embedded, "token_embd_norm");
    let mut first = None;
    for layer in 0..b.layers {
        b.layer(layer);
        let normed = b.norm(x, "attn_norm");
        let mixed = time_mix.mix(b, normed, &mut first);
        x = b.add("time_mix_residual", x, mixed);
        let normed = b.norm(x, "attn_norm_2");
        let mixed = b.channel_mix(normed, inner);
        x = b.add("block_output", x, mixed);
    }
    b.output(x, Output::PLAIN);
    Ok(())
}
