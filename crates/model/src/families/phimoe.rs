//! Phi 3.5 MoE (arXiv 2404.14219): Phi 3 with norms about the mean, biases, and two experts by SparseMixer.

use hefu_numerics::program::{Activation, RopeStyle, Scoring};

use super::Family;
use crate::build::{Builder, Decoder, Experts, FeedForward, Presence, RopeFactors};
use crate::error::Error;

pub(super) const PHIMOE: Family = Family { name: "phimoe", write };

/// Experts that SparseMixer chooses.
const USED: usize = 2;
/// Factor of cosine and sine with LongRoPE (`short_mscale` and `long_mscale` of the original's configuration, which files do
/// not hold).
const MAGNITUDE: f64 = 1.243_163_121_016_122;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    b.use_layer_norms(Presence::Required)?;
    let (count, used) = b.required_expert_counts()?;
    if used != USED {
        return Err(b.keys.bad("expert_used_count", format!("is {used}, but SparseMixer chooses {USED}")));
    }
    let experts = Experts::new((count, used), b.expert_inner()?, Activation::Silu);
    let feed_forward = FeedForward::Experts(Experts { scoring: Scoring::SparseMixer, ..experts });
    let mut decoder = Decoder::read(b, RopeStyle::NeoX, RopeFactors::ShortAndLong, feed_forward)?;
    if b.has("rope_factors_short.weight") {
        decoder.rotation.magnitude = MAGNITUDE;
    }
    let window = b.window()?;
    decoder.set_windows(std::iter::repeat(window));
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.output.bias = Presence::Optional;
    decoder.write(b)
}
