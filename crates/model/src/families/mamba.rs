//! Mamba 1 (arXiv 2312.00752) and Falcon Mamba, which norms steps, keys and queries: every layer is one mixer.

use super::Family;
use crate::build::{Builder, Output, SelectiveScan};
use crate::error::Error;

pub(super) const MAMBA: Family = Family { name: "mamba", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    // Of what these models do not have.
    b.keys.know(&[
        "attention.head_count",
        "attention.head_count_kv",
        "attention.key_length",
        "attention.value_length",
        "feed_forward_length",
        "rope.freq_base",
    ]);
    let mixer = SelectiveScan::read(b)?;
    let mut x = b.embed(1.0);
    for layer in 0..b.layers {
        b.layer(layer);
        let normed = b.norm(x, "attn_norm");
        let mixed = mixer.mix(b, normed);
        x = b.add("block_output", x, mixed);
    }
    b.output(x, Output::PLAIN);
    Ok(())
}
