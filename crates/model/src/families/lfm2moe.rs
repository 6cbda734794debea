//! LFM 2 with experts by sigmoid and bias, after leading dense layers.

use hefu_numerics::program::Activation;

use super::{Family, lfm2};
use crate::build::{Builder, FeedForward, Gated, Mixture};
use crate::error::Error;

pub(super) const LFM2_MOE: Family = Family { name: "lfm2moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let dense_layers = b.leading_dense_layers()?;
    let dense = FeedForward::Gated(Gated::new(b.inner()?, Activation::Silu));
    let mixture = FeedForward::Mixture(Mixture::read(b, Activation::Silu)?.normalised());
    lfm2::write_with(b, |layer| if layer < dense_layers { dense } else { mixture })
}
