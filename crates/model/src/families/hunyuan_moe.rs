//! Hunyuan with experts: the dense one whose feed-forward parts are experts beside one for every row.

use hefu_numerics::program::Activation;

use super::{Family, hunyuan_dense};
use crate::build::{Builder, FeedForward, Mixture};
use crate::error::Error;

pub(super) const HUNYUAN_MOE: Family = Family { name: "hunyuan-moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let mixture = Mixture::read(b, Activation::Silu)?.scored(false).normalised();
    let mixture = mixture.with_shared(b.inner()?);
    hunyuan_dense::write_with(b, FeedForward::Mixture(mixture))
}
