//! Limits of the server. Every field is a flag of `hefu serve`.

use crate::error::ApiError;
use hefu_answer::KeepAlive;
use std::time::Duration;

/// Pieces of an answer that wait for a client that reads slowly.
pub const PIECES_AHEAD: usize = 64;
/// Most texts or prompts in one request.
pub const MAX_INPUTS: usize = 2048;
/// Most pairs of texts that are scored by one request.
pub const MAX_PAIRS: usize = 2048;
/// Longest text in bytes whose tokens are told or counted and not answered, which no context bounds.
pub const MAX_COUNTED_BYTES: usize = 1 << 20;
/// Most log-probabilities of one request: its choices times their tokens times the alternatives and the token itself.
pub const MAX_LOGPROBS: usize = 1 << 20;
/// Most tokens of prompt and answer that are looked at by one request.
pub const MAX_TRACED_TOKENS: usize = 4096;
/// Most numbers that one request sees (32 MiB of them).
pub const MAX_TRACED_NUMBERS: usize = 1 << 23;
/// Most of them that are written as JSON.
pub const MAX_TRACED_JSON: usize = 1 << 20;
/// Most candidates that one request is told of each clause of sampling, all tokens of the answer together.
pub const MAX_TOLD_CANDIDATES: usize = 1 << 15;
/// Most tokens of an answer that an edited model makes: each is a pass of its own, beside the answers of others.
pub const MAX_EDITED_TOKENS: usize = 256;
/// Tokens of such an answer unless a request says otherwise.
pub const EDITED_TOKENS: usize = 32;
/// Bytes of a client's answer that a second of patience is worth: who takes fewer in each second uses up the stall limit.
pub const SLOWEST_READER: usize = 64;

/// Bounds and defaults.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a request's body. Default 8 MiB.
    pub body_bytes: usize,
    /// Bytes of memory for all requests that are being read and worked out, beside small ones. Default 1 GiB.
    pub request_bytes: usize,
    /// Tokens of a prompt; `None` leaves it to the model's context.
    pub prompt_tokens: Option<usize>,
    /// Tokens of an answer; `None` leaves it to the model's context.
    pub answer_tokens: Option<usize>,
    /// Answers that one request may ask for, over all its prompts. Default 64.
    pub choices: usize,
    /// Most time of a whole request. Default 600 s.
    pub request_time: Duration,
    /// Most time for a request's head and body to arrive. Default 30 s.
    pub read_time: Duration,
    /// Most time that a client may leave its answer unread before it loses it. Default 60 s.
    pub stall_time: Duration,
    /// Connections at the same time; others wait. Default 4096.
    pub connections: usize,
    /// Most time for running answers once the server is told to stop. Default 30 s.
    pub drain_time: Duration,
    /// Bytes of memory for all loaded models; `None` is as much as they take.
    pub memory_bytes: Option<u64>,
    /// Stay of a model in memory after its last request.
    pub keep_alive: KeepAlive,
    /// True if a name that no model has means the first one.
    pub any_model_name: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: 8 << 20,
            request_bytes: 1 << 30,
            prompt_tokens: None,
            answer_tokens: None,
            choices: 64,
            request_time: Duration::from_secs(600),
            read_time: Duration::from_secs(30),
            stall_time: Duration::from_secs(60),
            connections: 4096,
            drain_time: Duration::from_secs(30),
            memory_bytes: None,
            keep_alive: KeepAlive::Forever,
            any_model_name: false,
        }
    }
}

impl Limits {
    /// Those of one request's prompt and answer.
    pub(crate) fn of_requests(&self) -> hefu_answer::Limits {
        hefu_answer::Limits {
            prompt_tokens: self.prompt_tokens,
            answer_tokens: self.answer_tokens,
            logprobs: Some(MAX_LOGPROBS),
        }
    }
}

/// Refuses a text that is too long to have its tokens told.
pub(crate) fn check_counted(text: &str) -> Result<(), ApiError> {
    if text.len() <= MAX_COUNTED_BYTES {
        return Ok(());
    }
    let found = text.len();
    let sentence =
        format!("the text has {found} bytes, but the tokens of at most {MAX_COUNTED_BYTES} are told at once");
    Err(ApiError::invalid(sentence).code("text_too_long"))
}
