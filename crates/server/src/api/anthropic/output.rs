//! From an answer to a message of the Messages API.

use crate::answer::Answer;
use hefu_answer::{Choice, Finish, Summary};
use serde_json::{Value, json};

/// The identifier of an answer's message.
pub(super) fn id(answer: &str) -> String {
    format!("msg_{answer}")
}

/// A whole message.
pub(super) fn whole(answer: &Answer, choice: &Choice, summary: &Summary) -> Value {
    let mut content = Vec::new();
    if !choice.reasoning.is_empty() {
        content.push(json!({"type": "thinking", "thinking": choice.reasoning, "signature": ""}));
    }
    if !choice.text.is_empty() || choice.calls.is_empty() {
        content.push(json!({"type": "text", "text": choice.text}));
    }
    content.extend(choice.calls.iter().map(|call| {
        // A call that was cut short is no JSON: its beginning is kept as a text.
        let input = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({"incomplete": call.arguments}));
        json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input, "caller": {"type": "direct"}})
    }));
    let (reason, sequence) = stop(choice.finish.as_ref());
    let mut message = json!({
        "id": id(&answer.id),
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": content,
        "stop_reason": reason,
        "stop_sequence": sequence,
        "stop_details": null,
        "container": null,
        "usage": usage(summary),
        "system_fingerprint": answer.fingerprint,
        "seed": answer.seed,
    });
    if let Some(message) = message.as_object_mut() {
        message.extend(answer.labels.clone());
    }
    message
}

/// Reason why an answer is over: the word, and the string if one ended it.
pub(super) fn stop(finish: Option<&Finish>) -> (&'static str, Option<&str>) {
    match finish {
        Some(Finish::Length) => ("max_tokens", None),
        Some(Finish::ToolCalls) => ("tool_use", None),
        Some(Finish::StopString(text)) => ("stop_sequence", Some(text)),
        Some(Finish::End) | None => ("end_turn", None),
    }
}

/// Usage; tokens out of the cache are counted by themselves.
pub(super) fn usage(summary: &Summary) -> Value {
    json!({
        "input_tokens": summary.prompt_tokens.saturating_sub(summary.cached_tokens),
        "cache_creation": null,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": summary.cached_tokens,
        "output_tokens": summary.completion_tokens,
        "output_tokens_details": {"thinking_tokens": summary.reasoning_tokens},
        "server_tool_use": null,
        "inference_geo": null,
        "service_tier": "standard",
    })
}
