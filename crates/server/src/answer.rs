//! An answer on its way, whatever the dialect it goes out in.
//!
//! ```text
//! Answer::pieces:  (Delta)* in order for each choice, mixed between choices; then Done, or Failed at any point
//! one choice:      (Reasoning | Text | CallStart (CallArguments)* | Logprobs)*  Finish
//! ```

use crate::error::ApiError;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::mpsc;

/// An answer under way. Dropping it gives the request up.
#[derive(Debug)]
pub struct Answer {
    /// What the answer is known by, a UUID; also that of its receipt. Dialects put their own prefix before it.
    pub id: String,
    /// When the request was taken, in seconds since 1970.
    pub created: u64,
    /// The model's name.
    pub model: String,
    /// What answers must share to be comparable bit for bit.
    pub fingerprint: String,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
    /// The seed of the first choice.
    pub seed: u64,
    /// How many choices there are.
    pub choices: usize,
    /// Fields that go beside the answer: in its response, and in the first and the last chunk of a stream.
    pub labels: Map<String, Value>,
    /// What comes, in order. It holds a bounded number of pieces: who does not read it in time loses the answer.
    pub pieces: mpsc::Receiver<Piece>,
}

/// The next piece of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// Something of one choice.
    Delta {
        /// Which of the answers that were asked for, from 0.
        choice: usize,
        /// What came.
        delta: Delta,
    },
    /// All choices are finished and recorded; nothing follows.
    Done(Summary),
    /// The answer was given up; nothing follows.
    Failed(ApiError),
}

impl Piece {
    /// About how many bytes it is on its way.
    pub(crate) fn weight(&self) -> usize {
        // A number as text, and the name of what it is.
        const ENTRY: usize = 48;
        match self {
            Self::Delta { delta: Delta::Text(text) | Delta::Reasoning(text), .. } => ENTRY + text.len(),
            Self::Delta { delta: Delta::CallArguments { text, .. }, .. } => ENTRY + text.len(),
            Self::Delta { delta: Delta::Logprobs(tokens), .. } => {
                tokens.iter().map(|token| (token.top.len() + 1) * ENTRY).sum()
            }
            _ => ENTRY,
        }
    }
}

/// Something of one choice.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text of the answer; whole characters, never empty.
    Text(String),
    /// Text that the model thought and does not say.
    Reasoning(String),
    /// A call of a function begins.
    CallStart {
        /// Which call of this choice, from 0.
        call: usize,
        /// By which its result will refer to it.
        id: String,
        /// The function.
        name: String,
    },
    /// More of a call's arguments, as JSON text.
    CallArguments {
        /// Which call.
        call: usize,
        /// The text.
        text: String,
    },
    /// Log-probabilities of tokens whose text has come or will come; only if they were asked for.
    Logprobs(Vec<TokenLogprob>),
    /// The choice is over.
    Finish(Finish),
}

/// A token with its log-probability and those of the likeliest tokens in its place.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenLogprob {
    /// The token.
    pub token: Token,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// The likeliest, best first.
    pub top: Vec<(Token, f32)>,
}

/// A token as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its number.
    pub id: u32,
    /// Its bytes, which need not be whole characters.
    pub bytes: Vec<u8>,
}

impl Token {
    /// Its text; bytes that are no character give U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Why a choice is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    /// The model ended it.
    End,
    /// This stop string came.
    StopString(String),
    /// It ends with calls of functions.
    ToolCalls,
    /// It has as many tokens as were asked for, or the context is full. A structured answer is then incomplete.
    Length,
}

/// What a whole answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tokens of the prompt, once however many choices there are.
    pub prompt_tokens: usize,
    /// Of those, how many were in the cache already.
    pub cached_tokens: usize,
    /// Tokens of all choices, those that ended them included.
    pub completion_tokens: usize,
    /// Of those, how many are reasoning.
    pub reasoning_tokens: usize,
    /// From the request to the start of its computation.
    pub queued: Duration,
    /// From there to the first token.
    pub prefill: Duration,
    /// From there to the last token.
    pub decode: Duration,
    /// How long loading the model took, if this request waited for it.
    pub load: Duration,
}

impl Summary {
    /// Counts another answer of the same request; the times are the longest.
    pub fn add(&mut self, other: &Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.cached_tokens += other.cached_tokens;
        self.completion_tokens += other.completion_tokens;
        self.reasoning_tokens += other.reasoning_tokens;
        self.queued = self.queued.max(other.queued);
        self.prefill = self.prefill.max(other.prefill);
        self.decode = self.decode.max(other.decode);
        self.load = self.load.max(other.load);
    }
}

/// One choice as a whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Choice {
    /// Its text.
    pub text: String,
    /// What the model thought.
    pub reasoning: String,
    /// Calls of functions: id, name, arguments as JSON text.
    pub calls: Vec<crate::ask::ToolCall>,
    /// One for each token, if asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// Why it is over.
    pub finish: Option<Finish>,
}

impl Choice {
    /// Adds what came.
    pub fn push(&mut self, delta: Delta) {
        match delta {
            Delta::Text(text) => self.text.push_str(&text),
            Delta::Reasoning(text) => self.reasoning.push_str(&text),
            Delta::CallStart { id, name, .. } => {
                self.calls.push(crate::ask::ToolCall { id, name, arguments: String::new() });
            }
            Delta::CallArguments { call, text } => {
                if let Some(call) = self.calls.get_mut(call) {
                    call.arguments.push_str(&text);
                }
            }
            Delta::Logprobs(more) => self.logprobs.extend(more),
            Delta::Finish(finish) => self.finish = Some(finish),
        }
    }
}

impl Answer {
    /// The same without what comes.
    pub fn without_pieces(&self) -> Self {
        Self {
            id: self.id.clone(),
            created: self.created,
            model: self.model.clone(),
            fingerprint: self.fingerprint.clone(),
            prompt_tokens: self.prompt_tokens,
            seed: self.seed,
            choices: self.choices,
            labels: self.labels.clone(),
            pieces: mpsc::channel(1).1,
        }
    }

    /// Waits for the whole answer.
    ///
    /// # Errors
    /// What ended it early.
    pub async fn collect(&mut self) -> Result<(Vec<Choice>, Summary), ApiError> {
        let mut choices: Vec<Choice> = Vec::new();
        while let Some(piece) = self.pieces.recv().await {
            match piece {
                Piece::Delta { choice, delta } => {
                    if choices.len() <= choice {
                        choices.resize_with(choice + 1, Choice::default);
                    }
                    if let Some(choice) = choices.get_mut(choice) {
                        choice.push(delta);
                    }
                }
                Piece::Done(summary) => return Ok((choices, summary)),
                Piece::Failed(error) => return Err(error),
            }
        }
        Err(ApiError::internal("the answer ended without a result; the server's log says more"))
    }
}
