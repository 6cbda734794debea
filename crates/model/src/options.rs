//! Options of loading a model.

use hefu_numerics::kv::Profile;

/// How a model is to be loaded.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Positions that sequences may have, at most and by default the model's own context. Some families rotate by other
    /// frequencies in a long context (LongRoPE), so that this can change results.
    pub context: Option<usize>,
    /// What cached keys and values are made of; this changes results.
    pub cache: Profile,
    /// True if the blocks of a model that only guess further tokens are wanted too; this changes no result.
    pub guessing: bool,
}
