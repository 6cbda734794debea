//! Gemma 3, text (arXiv 2503.19786).
//!
//! Norms before and after each part of a block (files hold the gains with the 1 already added), five local layers to
//! each global one, an embedding scaled by the square root of the width.

use hefu_numerics::ops::Activation;

use super::{Arch, EmbeddingScale, FeedForward, GroupedQuery, Mixer, Norms, ScoreScale, Windows, qwen2, qwen3};

/// See the module.
pub(super) const GEMMA3: Arch = Arch {
    name: "gemma3",
    keys: &[
        "attention.sliding_window",
        "attention.sliding_window_pattern",
        "final_logit_softcapping",
        "rope.freq_base_swa",
    ],
    embedding_scale: EmbeddingScale::SqrtWidth,
    mixer: Mixer::GroupedQuery(ATTENTION),
    feed_forward: FeedForward { activation: Activation::Gelu, ..qwen2::FEED_FORWARD },
    norms: Norms::BeforeAndAfter,
};

const ATTENTION: GroupedQuery = GroupedQuery {
    windows: Windows::AllButLastOf { period: 6, rope_base: 10_000.0 },
    // The model of 27 billion parameters, alone with 62 layers, scales by 1 / sqrt(168), its width per head.
    scale: ScoreScale::WidthPerHeadIfLayers(62),
    ..qwen3::ATTENTION
};
