//! Llama 2 and 3, Mistral, Mixtral, SmolLM, Yi and the many that share their shape.
//!
//! Touvron et al., arXiv 2302.13971 and 2307.09288. Converters permute the rows of queries and keys so that
//! neighbouring elements rotate together.

use hefu_numerics::ops::{Activation, RopeStyle};

use super::{
    Arch, EmbeddingScale, FeedForward, GroupedQuery, Mixer, Norms, Presence, Projections, RopeFactors, ScoreScale,
    Windows,
};

/// See the module.
pub(super) const LLAMA: Arch = Arch {
    name: "llama",
    keys: &["expert_count", "expert_used_count"],
    embedding_scale: EmbeddingScale::One,
    mixer: Mixer::GroupedQuery(ATTENTION),
    feed_forward: FeedForward {
        activation: Activation::Silu,
        projections: Projections::Separate,
        bias: Presence::Optional,
        experts: Presence::Optional,
    },
    norms: Norms::Before,
};

/// Its attention.
pub(super) const ATTENTION: GroupedQuery = GroupedQuery {
    projections: Projections::Separate,
    input_bias: Presence::Optional,
    output_bias: Presence::Optional,
    head_norm: Presence::Forbidden,
    rope_pairs: RopeStyle::Interleaved,
    rope_factors: RopeFactors::Frequencies,
    windows: Windows::None,
    scale: ScoreScale::KeySize,
};
