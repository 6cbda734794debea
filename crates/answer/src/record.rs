//! The record of an answer.

use hefu_engine::FinishReason;
use hefu_engine::sampling::Parameters;
use hefu_engine::trace::Trace;
use hefu_grammar::Spec;
use std::collections::BTreeSet;

/// Everything from which one answer can be made again.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRecord {
    /// The id of the response, without a dialect's prefix. With several choices, `-1`, `-2` and so on are appended for those
    /// after the first, counted over all prompts of the request.
    pub id: String,
    /// Time when its request came, in milliseconds since 1970.
    pub started: u64,
    /// The model's name.
    pub model: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// SHA-256 of the chat template that made the prompt; `None` for a prompt that was given as it is.
    pub template: Option<[u8; 32]>,
    /// The tokens of the prompt.
    pub prompt: Vec<u32>,
    /// Sampling settings, the seed among them.
    pub parameters: Parameters,
    /// Tokens that would have ended the answer.
    pub end_tokens: BTreeSet<u32>,
    /// Most tokens that were asked for.
    pub max_tokens: Option<usize>,
    /// Most positions that prompt and answer had together.
    pub context: usize,
    /// Texts at which the answer had to stop.
    pub stops: Vec<String>,
    /// Structure that the answer was held to.
    pub structure: Option<Spec>,
    /// The tokens of the answer, with the one that ended it.
    pub output: Vec<u32>,
    /// Its text, as the model wrote it.
    pub text: String,
    /// Reason why it is over.
    pub finish: FinishReason,
    /// The name of the API key; empty if none was given.
    pub client: String,
    /// The person for whom a program asked, as the request names them.
    pub user: Option<String>,
    /// The request's id in the log.
    pub request: String,
    /// Digests of what the model's layers handed on, if that was traced.
    pub trace: Option<Trace>,
    /// Whoever asked wants the record to state the prompt's hash alone.
    pub hides_prompt: bool,
}
