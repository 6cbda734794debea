//! Qwen 3 with experts (arXiv 2505.09388): Qwen 3 whose feed-forward parts are a router and experts.

use super::{Arch, FeedForward, Presence, qwen2, qwen3};

/// See the module.
pub(super) const QWEN3_MOE: Arch = Arch {
    name: "qwen3moe",
    keys: &["expert_count", "expert_feed_forward_length", "expert_used_count"],
    feed_forward: FeedForward { experts: Presence::Required, ..qwen2::FEED_FORWARD },
    ..qwen3::QWEN3
};
