//! Formats of cached keys and values.

/// Format of a cached number. It changes results, so that it is part of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// binary16.
    #[default]
    F16,
    /// Integers of 8 bits with a binary16 scale for every [`BLOCK`](super::BLOCK) of them: 8.5 bits per number.
    Q8,
    /// Keys as in `q8`, and values with one scale each, so that weights times values are sums of integers as scores are.
    I8,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 3] = [Profile::F16, Profile::Q8, Profile::I8];

    /// Its name, as fingerprints and reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::F16 => "f16",
            Profile::Q8 => "q8",
            Profile::I8 => "i8",
        }
    }
}
