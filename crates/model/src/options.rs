//! Options of loading a model.

use hefu_numerics::kv::Profile;

/// Options of loading.
#[derive(Debug, Clone, Default)]
pub struct LoadOptions {
    /// Positions that sequences may have, at most and by default the model's own context. Some families rotate by other
    /// frequencies in a long context (LongRoPE), so that this can change results.
    pub context: Option<usize>,
    /// Format of cached keys and values; this changes results.
    pub cache: Profile,
    /// True if the blocks of a model that only guess further tokens are wanted too; this changes no result.
    pub guessing: bool,
}
