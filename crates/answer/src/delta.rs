//! An answer as its parts: text, reasoning, calls, log-probabilities, an end.

use crate::message::ToolCall;
use std::time::Duration;

/// Something of one choice.
#[derive(Debug, Clone, PartialEq)]
pub enum Delta {
    /// Text of the answer; whole characters, never empty.
    Text(String),
    /// Text that the model thought and does not say.
    Reasoning(String),
    /// A call of a function begins.
    CallStart {
        /// Number of the call in this choice, from 0.
        call: usize,
        /// By which its result will refer to it.
        id: String,
        /// The function.
        name: String,
    },
    /// More of a call's arguments, as JSON text.
    CallArguments {
        /// The call's number.
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
    /// Number of characters that begin in its bytes; the sum over a text's tokens is its number of characters.
    pub fn characters(&self) -> usize {
        const KIND: u8 = 0b1100_0000;
        const CONTINUES: u8 = 0b1000_0000;
        self.bytes.iter().filter(|byte| **byte & KIND != CONTINUES).count()
    }

    /// Its text; bytes that are no character give U+FFFD.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// Reason why a choice is over.
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

/// Usage and times of a whole answer.
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
    /// Time of loading the model, if this request waited for it.
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
    /// Reasoning.
    pub reasoning: String,
    /// Calls of functions: id, name, arguments as JSON text.
    pub calls: Vec<ToolCall>,
    /// One for each token, if asked for.
    pub logprobs: Vec<TokenLogprob>,
    /// Reason why it is over.
    pub finish: Option<Finish>,
}

impl Choice {
    /// Adds what came.
    pub fn push(&mut self, delta: Delta) {
        match delta {
            Delta::Text(text) => self.text.push_str(&text),
            Delta::Reasoning(text) => self.reasoning.push_str(&text),
            Delta::CallStart { id, name, .. } => {
                self.calls.push(ToolCall { id, name, arguments: String::new() });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_tokens_share_are_counted_once() {
        let token = |bytes: &[u8]| Token { id: 0, bytes: bytes.to_vec() };
        let text = "a\u{e9}\u{1f600}b";
        for cut in 0..=text.len() {
            let (left, right) = text.as_bytes().split_at(cut);
            assert_eq!(token(left).characters() + token(right).characters(), 4);
        }
    }
}
