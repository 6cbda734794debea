//! Qwen 2 and 2.5 (arXiv 2407.10671): Llama with biases of queries, keys and values, and heads rotated by halves.

use hefu_numerics::ops::{Activation, RopeStyle};

use super::{Arch, FeedForward, GroupedQuery, Mixer, Presence, Projections, RopeFactors, llama};

/// See the module.
pub(super) const QWEN2: Arch = Arch {
    name: "qwen2",
    keys: &[],
    mixer: Mixer::GroupedQuery(ATTENTION),
    feed_forward: FEED_FORWARD,
    ..llama::LLAMA
};

/// Its attention.
pub(super) const ATTENTION: GroupedQuery = GroupedQuery {
    input_bias: Presence::Required,
    output_bias: Presence::Forbidden,
    rope_pairs: RopeStyle::NeoX,
    rope_factors: RopeFactors::None,
    ..llama::ATTENTION
};

/// Its feed-forward part.
pub(super) const FEED_FORWARD: FeedForward = FeedForward {
    activation: Activation::Silu,
    projections: Projections::Separate,
    bias: Presence::Forbidden,
    experts: Presence::Forbidden,
};
