//! Qwen 3 with experts (arXiv 2505.09388): Qwen 3 whose feed-forward parts are a router and experts.

use hefu_numerics::program::Activation;

use super::{Family, qwen3};
use crate::build::{Builder, Experts, FeedForward};
use crate::error::Error;

pub(super) const QWEN3_MOE: Family = Family { name: "qwen3moe", write };

pub(super) fn write(b: &mut Builder<'_, '_>) -> Result<(), Error> {
    let (counts, inner) = (b.required_expert_counts()?, b.expert_inner()?);
    qwen3::write_with(b, FeedForward::Experts(Experts::new(counts, inner, Activation::Silu)))
}
