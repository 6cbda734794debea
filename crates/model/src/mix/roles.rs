//! Roles of tensors, by their names.

use super::Candidate;

/// Roles of matrices, as far as a mix makes a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The table of tokens.
    Embedding,
    /// The matrix of logits.
    Output,
    /// Queries.
    Queries,
    /// Keys.
    Keys,
    /// Values.
    Values,
    /// Queries, keys and values in one.
    Fused,
    /// Keys and values from a latent.
    KeysValues,
    /// Output of attention.
    AttentionOutput,
    /// The feed-forward part's gate.
    Gate,
    /// Its inputs.
    Up,
    /// Its result.
    Down,
    /// Anything else.
    Other,
}

impl Role {
    pub(super) fn of(name: &str) -> Role {
        if name == "output.weight" {
            return Role::Output;
        }
        if matches!(name, "token_embd.weight" | "per_layer_token_embd.weight") {
            return Role::Embedding;
        }
        let kinds = [
            ("attn_qkv.weight", Role::Fused),
            ("attn_kv_b.weight", Role::KeysValues),
            ("attn_v.weight", Role::Values),
            ("attn_k.weight", Role::Keys),
            ("attn_q.weight", Role::Queries),
            ("attn_output.weight", Role::AttentionOutput),
            ("ffn_up", Role::Up),
            ("ffn_gate", Role::Gate),
            ("ffn_down", Role::Down),
        ];
        kinds.into_iter().find(|(part, _)| name.contains(part)).map_or(Role::Other, |(_, role)| role)
    }

    /// True if it makes values, which are more sensitive than others.
    pub(super) fn is_values(self) -> bool {
        matches!(self, Role::Values | Role::Fused | Role::KeysValues)
    }
}

/// The layer in a tensor's name.
pub(super) fn layer(name: &str) -> Option<usize> {
    name.strip_prefix("blk.")?.split_once('.')?.0.parse().ok()
}

/// Matrices that stay as they are: parts of these names are small, or an error in them is felt everywhere.
const KEPT: &[&str] = &[
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "time_mix_first.weight",
    "time_mix_w",
    "time_mix_v",
    "time_mix_a",
    "time_mix_g1",
    "time_mix_g2",
    "time_mix_decay_w",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight",
    ".position_embd",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
];

/// True if a tensor is quantised at all.
pub(super) fn is_quantised(tensor: &Candidate<'_>) -> bool {
    let Candidate { name, shape, .. } = tensor;
    let is_matrix = shape.iter().skip(1).any(|size| *size > 1);
    let is_table = matches!(*name, "position_embd.weight" | "token_types.weight");
    is_matrix && name.ends_with("weight") && !is_table && !KEPT.iter().any(|part| name.contains(part))
}
