//! Phi 3, 3.5 and 4, dense (arXiv 2404.14219): Llama with fused projections, heads rotated by halves, LongRoPE factors.

use hefu_numerics::ops::RopeStyle;

use super::{Arch, FeedForward, GroupedQuery, Mixer, Presence, Projections, RopeFactors, Windows, llama, qwen2};

/// See the module.
pub(super) const PHI3: Arch = Arch {
    name: "phi3",
    keys: &["attention.sliding_window"],
    mixer: Mixer::GroupedQuery(ATTENTION),
    feed_forward: FeedForward { projections: Projections::Fused, ..qwen2::FEED_FORWARD },
    ..llama::LLAMA
};

const ATTENTION: GroupedQuery = GroupedQuery {
    projections: Projections::Fused,
    input_bias: Presence::Forbidden,
    output_bias: Presence::Forbidden,
    rope_pairs: RopeStyle::NeoX,
    rope_factors: RopeFactors::ShortAndLong,
    windows: Windows::All,
    ..llama::ATTENTION
};
