//! Parts of answers that streams and whole responses share.

use hefu_answer::ToolCall;
use hefu_answer::{Finish, Summary, TokenLogprob};
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

/// What was used.
pub(super) fn usage(summary: &Summary) -> Value {
    json!({
        "prompt_tokens": summary.prompt_tokens,
        "completion_tokens": summary.completion_tokens,
        "total_tokens": summary.prompt_tokens + summary.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": summary.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": summary.reasoning_tokens},
    })
}

/// How long it took, with the names of llama.cpp.
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
    let one = |token: &hefu_answer::Token, logprob: f32| {
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

/// Log-probabilities as plain completions give them; `offset` is the length of the text before them in characters.
pub(super) fn plain_logprobs(tokens: &[TokenLogprob], offset: &mut usize) -> Value {
    let mut offsets = Vec::with_capacity(tokens.len());
    for token in tokens {
        offsets.push(*offset);
        *offset += token.token.text().chars().count();
    }
    let top = |token: &TokenLogprob| -> Map<String, Value> {
        token.top.iter().map(|(token, logprob)| (token.text(), json!(logprob))).collect()
    };
    json!({
        "tokens": tokens.iter().map(|token| token.token.text()).collect::<Vec<_>>(),
        "token_logprobs": tokens.iter().map(|token| token.logprob).collect::<Vec<_>>(),
        "top_logprobs": tokens.iter().map(top).collect::<Vec<_>>(),
        "text_offset": offsets,
    })
}
