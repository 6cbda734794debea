//! What cached keys and values are made of.

/// What a cached number is made of. It changes results, so that it is part of a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Profile {
    /// binary16.
    #[default]
    F16,
    /// Integers of 8 bits with a binary16 scale for every [`BLOCK`](super::BLOCK) of them: 8.5 bits per number.
    Q8,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 2] = [Profile::F16, Profile::Q8];

    /// Its name, as fingerprints and reports have it.
    pub fn name(self) -> &'static str {
        match self {
            Profile::F16 => "f16",
            Profile::Q8 => "q8",
        }
    }
}
