//! Granite 3 and 4 with experts, some of them beside one for every row.

use hefu_numerics::program::Activation;

use super::{Family, granite};
use crate::build::{Builder, FeedForward, Mixture};
use crate::error::Error;

pub(super) const GRANITE_MOE: Family = Family { name: "granitemoe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let mixture = Mixture::read(b, Activation::Silu)?.scored(false).normalised();
    granite::write_with(b, FeedForward::Mixture(mixture))
}
