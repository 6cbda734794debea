//! Qwen 3.5 and later with experts: the dense one whose feed-forward parts are experts beside a gated one for every row.

use hefu_numerics::program::Activation;

use super::{Family, qwen35};
use crate::build::{Builder, FeedForward, Mixture};
use crate::error::Error;

pub(super) const QWEN35_MOE: Family = Family { name: "qwen35moe", write };

fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let mixture = Mixture::read(b, Activation::Silu)?.scored(false).normalised().with_shared_gate();
    qwen35::write_with(b, FeedForward::Mixture(mixture))
}
