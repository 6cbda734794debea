//! Qwen 3, dense (arXiv 2505.09388): Qwen 2 with a norm of every query's and key's head in place of the biases.

use super::{Arch, GroupedQuery, Mixer, Presence, qwen2};

/// See the module.
pub(super) const QWEN3: Arch = Arch { name: "qwen3", mixer: Mixer::GroupedQuery(ATTENTION), ..qwen2::QWEN2 };

/// Its attention.
pub(super) const ATTENTION: GroupedQuery =
    GroupedQuery { input_bias: Presence::Forbidden, head_norm: Presence::Required, ..qwen2::ATTENTION };
