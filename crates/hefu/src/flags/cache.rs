//! The flag of every command that loads a model to compute with it: what its cache is made of.

use clap::{Args, ValueEnum};
use hefu_numerics::kv::Profile;

/// What cached keys and values are made of.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct CacheArguments {
    /// Format of cached keys and values; it changes answers and is part of their fingerprint
    #[arg(long, value_name = "PROFILE", value_enum, default_value_t, help_heading = "Model")]
    cache: CacheProfile,
}

/// The profiles of clause A1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum CacheProfile {
    /// 16-bit floats
    #[default]
    F16,
    /// Scaled 8-bit integers: about half the memory, and faster over long contexts
    Q8,
    /// 8-bit integers, multiplied as integers throughout: as small as q8, and the fastest over long contexts
    I8,
}

impl CacheArguments {
    /// The profile that was asked for.
    pub(crate) fn profile(self) -> Profile {
        match self.cache {
            CacheProfile::F16 => Profile::F16,
            CacheProfile::Q8 => Profile::Q8,
            CacheProfile::I8 => Profile::I8,
        }
    }
}
