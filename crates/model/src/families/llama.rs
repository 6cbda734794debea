//! Llama 2 and 3, Mistral, Mixtral, SmolLM, Yi and the many that share their shape.
//!
//! Touvron et al., arXiv 2302.13971 and 2307.09288. Converters permute the rows of queries and keys so that
//! neighbouring elements rotate together.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, Experts, FeedForward, Gated, Presence, RopeFactors};
use crate::error::Error;

pub(super) const LLAMA: Family = Family { name: "llama", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let (counts, inner, activation) = (b.expert_counts()?, b.inner()?, Activation::Silu);
    let feed_forward = match counts {
        Some(counts) => FeedForward::Experts(Experts::new(counts, inner, activation)),
        None => FeedForward::Gated(Gated { bias: Presence::Optional, ..Gated::new(inner, activation) }),
    };
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::Frequencies, feed_forward)?;
    decoder.attention.input_bias = Presence::Optional;
    decoder.attention.output_bias = Presence::Optional;
    decoder.write(b)
}
