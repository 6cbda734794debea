//! Parts of answers that streams and whole responses share.

use crate::echo::{Echo, EchoToken};
use hefu_answer::{Finish, Summary, Token, TokenLogprob, ToolCall};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The word for the end of a choice.
pub(super) fn finish_reason(finish: Option<&Finish>) -> &'static str {
    match finish {
        Some(Finish::Length) => "length",
        Some(Finish::ToolCalls) => "tool_calls",
        Some(Finish::End | Finish::StopString(_)) | None => "stop",
    }
}

/// Usage.
pub(super) fn usage(summary: &Summary) -> Value {
    json!({
        "prompt_tokens": summary.prompt_tokens,
        "completion_tokens": summary.completion_tokens,
        "total_tokens": summary.prompt_tokens + summary.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": summary.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": summary.reasoning_tokens},
    })
}

/// Times, with the names of llama.cpp.
pub(crate) fn timings(summary: &Summary) -> Value {
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let computed = summary.prompt_tokens.saturating_sub(summary.cached_tokens);
    json!({
        "queue_ms": milliseconds(summary.queued),
        "cache_n": summary.cached_tokens,
        "prompt_n": computed,
        "prompt_ms": milliseconds(summary.prefill),
        "predicted_n": summary.completion_tokens,
        "predicted_ms": milliseconds(summary.decode),
    })
}

/// A call as a whole.
pub(super) fn call(call: &ToolCall) -> Value {
    json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    })
}

/// Log-probabilities as chat completions give them.
pub(super) fn logprobs(tokens: &[TokenLogprob]) -> Value {
    let one = |token: &Token, logprob: f32| {
        let mut entry = Map::new();
        entry.insert("token".to_owned(), json!(token.text()));
        entry.insert("logprob".to_owned(), json!(logprob));
        entry.insert("bytes".to_owned(), json!(token.bytes));
        entry.insert("id".to_owned(), json!(token.id));
        entry
    };
    let entries = tokens.iter().map(|token| {
        let top: Vec<_> = token.top.iter().map(|(token, logprob)| one(token, *logprob)).collect();
        let mut entry = one(&token.token, token.logprob);
        entry.insert("top_logprobs".to_owned(), json!(top));
        entry
    });
    json!({"content": entries.collect::<Vec<_>>(), "refusal": null})
}

/// Log-probabilities as plain completions give them, in the order of their tokens.
#[derive(Debug, Default, Serialize)]
pub(super) struct PlainLogprobs {
    tokens: Vec<String>,
    token_logprobs: Vec<Option<f32>>,
    top_logprobs: Vec<Option<Map<String, Value>>>,
    text_offset: Vec<usize>,
}

impl PlainLogprobs {
    /// Those of a repeated prompt, if they are wanted.
    pub(super) fn of_prompt(echo: &Echo) -> Option<Self> {
        let (mut all, mut offset) = (Self::default(), 0);
        for token in echo.tokens.as_ref()? {
            let scored = token.scored.as_ref().map(|(logprob, top)| (*logprob, top.as_slice()));
            all.push(&token.token, scored, offset_in(echo, offset));
            offset += token.token.characters();
        }
        Some(all)
    }

    /// Adds those of an answer's tokens; `offset` is the length of the text before them in characters.
    pub(super) fn extend(&mut self, tokens: &[TokenLogprob], offset: &mut usize) {
        for token in tokens {
            self.push(&token.token, Some((token.logprob, &token.top)), *offset);
            *offset += token.token.characters();
        }
    }

    fn push(&mut self, token: &Token, scored: Option<(f32, &[(Token, f32)])>, offset: usize) {
        self.tokens.push(token.text());
        self.token_logprobs.push(scored.map(|(logprob, _)| logprob));
        self.top_logprobs.push(scored.map(|(_, top)| {
            let mut named = Map::new();
            for (token, logprob) in top {
                // Different bytes can look the same; the best of them counts.
                named.entry(token.text()).or_insert_with(|| json!(logprob));
            }
            named
        }));
        self.text_offset.push(offset);
    }
}

/// The log-probabilities of a prompt's tokens in vLLM's shape: for each token an object from ids to what is known of them,
/// the token's own among them; the first has none.
pub(super) fn prompt_logprobs(echo: &Echo) -> Value {
    let of_token = |own: &EchoToken| {
        let Some((logprob, top)) = &own.scored else { return Value::Null };
        let mut all = Map::new();
        let rank = top.iter().position(|(token, _)| token.id == own.token.id).map(|place| place + 1);
        let entry = |logprob: f32, rank: Option<usize>, text: String| json!({"logprob": logprob, "rank": rank, "decoded_token": text});
        all.insert(own.token.id.to_string(), entry(*logprob, rank, own.token.text()));
        for (place, (token, logprob)) in top.iter().enumerate() {
            let known = || entry(*logprob, Some(place + 1), token.text());
            all.entry(token.id.to_string()).or_insert_with(known);
        }
        Value::Object(all)
    };
    echo.tokens.iter().flatten().map(of_token).collect()
}

/// Where a token of a repeated prompt stands in its text, after so many characters of its tokens.
fn offset_in(echo: &Echo, characters: usize) -> usize {
    characters.saturating_sub(echo.hidden)
}
