//! Counters and gauges of a scheduler.

/// Numbers for those who look on. Counters only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Jobs that are being computed.
    pub running: usize,
    /// Jobs that wait, those among them that have been interrupted included.
    pub waiting: usize,
    /// Pages of the cache in all.
    pub pages: usize,
    /// Pages that running jobs hold.
    pub pages_used: usize,
    /// Further pages that are kept for prompts to come.
    pub pages_cached: usize,
    /// Steps that computed something.
    pub steps: u64,
    /// Jobs in the last step that computed something.
    pub step_jobs: usize,
    /// Tokens computed in the last step that computed something.
    pub step_tokens: usize,
    /// Tokens of prompts that were in the cache already.
    pub prompt_tokens_reused: u64,
    /// Tokens of prompts that were computed.
    pub prompt_tokens_computed: u64,
    /// Tokens computed a second time after an interruption.
    pub tokens_recomputed: u64,
    /// Tokens of answers.
    pub answer_tokens: u64,
    /// Guesses at tokens that were computed.
    pub drafted_tokens: u64,
    /// Those of them that were right.
    pub accepted_tokens: u64,
    /// Jobs that were interrupted because memory or a place was needed.
    pub preemptions: u64,
    /// Times that all states were lost, so that whatever ran had to be computed again.
    pub losses: u64,
    /// Jobs that were taken.
    pub submitted: u64,
    /// Jobs that came to an end of their own, a failure included.
    pub finished: u64,
    /// Jobs that were cancelled.
    pub cancelled: u64,
    /// Jobs whose deadline passed.
    pub expired: u64,
    /// Jobs that were refused because the queue was full.
    pub refused: u64,
}
