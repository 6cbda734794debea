//! Baichuan 1 and 2 (arXiv 2309.10305): the small one is as Llama, in the large one scores fall with the distance.

use hefu_numerics::program::{Activation, RopeStyle};

use super::Family;
use crate::build::{ALIBI, Builder, Decoder, FeedForward, Gated, RopeFactors};
use crate::error::Error;

pub(super) const BAICHUAN: Family = Family { name: "baichuan", write };

/// Layers of the large one, by which alone a file tells the two apart.
const LAYERS_WITH_DISTANCES: usize = 40;

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let feed_forward = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mut decoder = Decoder::read(b, RopeStyle::Interleaved, RopeFactors::None, feed_forward)?;
    if decoder.layers.len() == LAYERS_WITH_DISTANCES {
        decoder.layers.iter_mut().for_each(|layer| layer.is_rotated = false);
        decoder.attention.alibi = Some(ALIBI);
    }
    decoder.write(b)
}
