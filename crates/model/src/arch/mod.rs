//! Model families as data.
//!
//! A family is one `const` [`Arch`]: which tensors and metadata keys its files have and in which of the few known ways
//! its blocks are put together. Nothing outside this folder compares a family's name; the forward pass and the binding
//! of tensors follow the description. `docs/families.md` explains the parts and drafts families that are not here yet.

mod gemma3;
mod llama;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen3moe;

use hefu_numerics::ops::{Activation, RopeStyle};

/// Every family that Hefu runs.
pub const FAMILIES: &[&Arch] =
    &[&llama::LLAMA, &qwen2::QWEN2, &qwen3::QWEN3, &qwen3moe::QWEN3_MOE, &gemma3::GEMMA3, &phi3::PHI3];

/// Metadata keys (below `<architecture>.`) that every family may have and that are read.
pub const COMMON_KEYS: &[&str] = &[
    "attention.causal",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
];

pub use crate::build::HARMLESS_KEYS;

/// Description of a family: blocks of a mixer and a feed-forward part, each added to the residual stream, between an
/// embedding and an output matrix.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arch {
    /// Its name in a file's `general.architecture`, also the prefix of its metadata keys.
    pub name: &'static str,
    /// Metadata keys (below `<name>.`) that are read beyond [`COMMON_KEYS`].
    pub keys: &'static [&'static str],
    /// Factor of the embedding.
    pub embedding_scale: EmbeddingScale,
    /// How positions see each other.
    pub mixer: Mixer,
    /// How a position works on what it saw.
    pub feed_forward: FeedForward,
    /// Norms around the two parts of a block.
    pub norms: Norms,
}

/// Whether files of a family have a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// All have it.
    Required,
    /// Some have it; where it is missing the step is left out.
    Optional,
    /// None has it; a file that does is refused.
    Forbidden,
}

/// Factor of the embedding of every token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddingScale {
    /// 1.
    One,
    /// The square root of the width, rounded to f32.
    SqrtWidth,
}

/// Norms around the two parts of a block (all root-mean-square with a gain).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norms {
    /// `x + part(norm(x))`.
    Before,
    /// `x + norm(part(norm(x)))`.
    BeforeAndAfter,
}

/// How positions see each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mixer {
    /// Softmax attention whose key-value heads are shared by groups of query heads.
    GroupedQuery(GroupedQuery),
}

/// Grouped-query attention (Ainslie et al., arXiv 2305.13245).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupedQuery {
    /// Whether one tensor holds the rows of queries, keys and values.
    pub projections: Projections,
    /// Bias of queries, keys and values.
    pub input_bias: Presence,
    /// Bias of the output projection.
    pub output_bias: Presence,
    /// Norm of each query's and key's head before it is rotated.
    pub head_norm: Presence,
    /// Which elements of a head rotate together.
    pub rope_pairs: RopeStyle,
    /// Tensors that divide the rotation's frequencies.
    pub rope_factors: RopeFactors,
    /// Which layers see only the latest positions.
    pub windows: Windows,
    /// Factor of the scores.
    pub scale: ScoreScale,
}

/// Whether several matrices with a common input lie in one tensor, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Projections {
    /// A tensor each.
    Separate,
    /// One tensor: queries, keys, values; or gate, up.
    Fused,
}

/// Tensors that divide the rotation's frequencies, one number per pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopeFactors {
    /// No such tensor.
    None,
    /// `rope_freqs.weight`, if the file has it (Llama 3.1's scaling, worked out by whoever made the file).
    Frequencies,
    /// `rope_factors_short.weight` where the run's context is at most the original one, else
    /// `rope_factors_long.weight`, if the file has them (LongRoPE, arXiv 2402.13753).
    ShortAndLong,
}

/// Which layers see only the latest positions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Windows {
    /// None.
    None,
    /// All, by `attention.sliding_window` (0: none).
    All,
    /// All but the last of every `period` layers, by `attention.sliding_window`; `attention.sliding_window_pattern`
    /// overrides the period. Local layers rotate by `rope.freq_base_swa`, without scaling.
    AllButLastOf {
        /// Layers from one that sees all to the next.
        period: usize,
        /// `rope.freq_base_swa` where the file has none.
        rope_base: f64,
    },
}

/// Factor of the scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreScale {
    /// `1 / sqrt(key size)`.
    KeySize,
    /// `1 / sqrt(width / heads)` for models of so many layers, otherwise `1 / sqrt(key size)`.
    WidthPerHeadIfLayers(usize),
}

/// A gated feed-forward part: `down(activation(gate(x)) * up(x))` (Shazeer, arXiv 2002.05202).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedForward {
    /// The gate's function.
    pub activation: Activation,
    /// Whether one tensor holds the rows of gate and up.
    pub projections: Projections,
    /// Biases of gate, up and down.
    pub bias: Presence,
    /// A router and experts in place of one feed-forward part.
    pub experts: Presence,
}

impl Arch {
    /// The family of this name.
    pub fn from_name(name: &str) -> Option<&'static Arch> {
        FAMILIES.iter().copied().find(|arch| arch.name == name)
    }

    /// Whether a metadata key (given without `<name>.`) is read for this family.
    pub fn reads(&self, key: &str) -> bool {
        COMMON_KEYS.contains(&key) || self.keys.contains(&key)
    }
}
