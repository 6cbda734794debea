//! Arcee AFM 4.5B: Llama with a squared ReLU and no gate.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{Builder, Decoder, FeedForward, Plain, Presence, RopeFactors};
use crate::error::Error;

pub(super) const ARCEE: Family = Family { name: "arcee", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Plain(Plain::read(b, Activation::SquaredRelu, Presence::Forbidden)?);
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::Frequencies, feed_forward)?;
    let scale = b.factor("attention.scale")?;
    decoder.attention.scale = scale.unwrap_or(decoder.attention.scale);
    decoder.write(b)
}
