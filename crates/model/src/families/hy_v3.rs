//! Hunyuan 3: experts by sigmoid and bias beside a shared one, leading dense layers, a norm of every query's and key's head.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Gated, HeadNorm, Mixture, RopeFactors};
use crate::error::Error;

pub(super) const HY_V3: Family = Family { name: "hy_v3", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let shared = b.expert_inner()?;
    let feed_forward = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.scored(true).with_shared(shared));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::Frequencies, feed_forward)?;
    decoder.replace(dense, |layer| !b.has(&format!("blk.{layer}.ffn_gate_inp.weight")));
    decoder.attention.norm = HeadNorm::Heads;
    decoder.write(b)
}
