//! Qwen 1.5 and 2 with experts (arXiv 2407.10671): Qwen 2 with experts whose weights stay as the softmax has them, beside a
//! gated one for every row.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Mixture, Presence, RopeFactors};
use crate::error::Error;

pub(super) const QWEN2_MOE: Family = Family { name: "qwen2moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let mixture = Mixture::read(b, Activation::Silu)?.scored(false).with_shared_gate();
    let feed_forward = FeedForward::Mixture(mixture.with_shared(b.inner()?));
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::None, feed_forward)?;
    decoder.attention.input_bias = Presence::Required;
    decoder.write(b)
}
