//! Limits of a scheduler.

/// Bounds and switches. None of them can change a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Tokens of one forward pass, at least 1: answers' tokens come first, prompts share what is left. More makes long
    /// prompts faster and the time between the tokens of others longer. Default 256.
    pub step_tokens: usize,
    /// Jobs that are computed at the same time, at least 1. Default 64.
    pub running: usize,
    /// Jobs that wait. Default 1024.
    pub queued: usize,
    /// True if prompts go on from what the cache holds of earlier jobs. Default true.
    pub prefix_reuse: bool,
    /// True if answers wait while there are prompts to compute: fewer passes for the same work, for batches in which
    /// nobody waits for a single answer. Default false.
    pub prompts_first: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self { step_tokens: 256, running: 64, queued: 1024, prefix_reuse: true, prompts_first: false }
    }
}
