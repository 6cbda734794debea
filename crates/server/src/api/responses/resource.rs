//! The response object, whole or on its way.

use crate::answer::Answer;
use crate::error::ApiError;
use hefu_answer::{Finish, Summary};
use serde_json::{Map, Value, json};

/// A response: what does not change while it is made.
#[derive(Debug)]
pub(super) struct Resource {
    answer: String,
    frame: Map<String, Value>,
    labels: Map<String, Value>,
}

impl Resource {
    pub(super) fn new(answer: &Answer, echo: Map<String, Value>) -> Self {
        let frame = json!({
            "id": format!("resp_{}", answer.id),
            "object": "response",
            "created_at": answer.created,
            "completed_at": null,
            "status": "in_progress",
            "incomplete_details": null,
            "model": answer.model,
            "previous_response_id": null,
            "instructions": null,
            "output": [],
            "error": null,
            "tools": [],
            "tool_choice": "auto",
            "truncation": "disabled",
            "parallel_tool_calls": true,
            "text": {"format": {"type": "text"}},
            "top_p": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "top_logprobs": 0,
            "temperature": 1.0,
            "reasoning": {"effort": null, "summary": null},
            "usage": null,
            "max_output_tokens": null,
            "max_tool_calls": null,
            "store": true,
            "background": false,
            "service_tier": "default",
            "metadata": {},
            "safety_identifier": null,
            "prompt_cache_key": null,
            "system_fingerprint": answer.fingerprint,
            "seed": answer.seed,
        });
        let Value::Object(mut frame) = frame else { return Self::empty(answer) };
        // Fields that the request left open keep the value above.
        frame.extend(echo.into_iter().filter(|(_, value)| !value.is_null()));
        Self { answer: answer.id.clone(), frame, labels: answer.labels.clone() }
    }

    fn empty(answer: &Answer) -> Self {
        Self { answer: answer.id.clone(), frame: Map::new(), labels: Map::new() }
    }

    /// Has other fields beside it from now on.
    pub(super) fn label(&mut self, labels: Map<String, Value>) {
        self.labels = labels;
    }

    /// Id of the answer.
    pub(super) fn answer_id(&self) -> &str {
        &self.answer
    }

    /// The response before anything has come.
    pub(super) fn begun(&self) -> Value {
        self.with([])
    }

    /// The response when it is over.
    pub(super) fn ended(&self, output: Vec<Value>, finish: Option<&Finish>, summary: &Summary, now: u64) -> Value {
        let is_cut = finish == Some(&Finish::Length);
        self.with([
            ("status", json!(if is_cut { "incomplete" } else { "completed" })),
            ("incomplete_details", if is_cut { json!({"reason": "max_output_tokens"}) } else { Value::Null }),
            ("completed_at", if is_cut { Value::Null } else { json!(now) }),
            ("output", Value::Array(output)),
            ("usage", usage(summary)),
        ])
    }

    /// The response when it failed.
    pub(super) fn failed(&self, output: Vec<Value>, error: &ApiError) -> Value {
        self.with([
            ("status", json!("failed")),
            ("error", json!({"code": error.code.unwrap_or("server_error"), "message": error.message})),
            ("output", Value::Array(output)),
        ])
    }

    fn with<const N: usize>(&self, fields: [(&str, Value); N]) -> Value {
        let mut whole = self.frame.clone();
        whole.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        whole.extend(self.labels.clone());
        Value::Object(whole)
    }
}

fn usage(summary: &Summary) -> Value {
    json!({
        "input_tokens": summary.prompt_tokens,
        "input_tokens_details": {"cached_tokens": summary.cached_tokens},
        "output_tokens": summary.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": summary.reasoning_tokens},
        "total_tokens": summary.prompt_tokens + summary.completion_tokens,
    })
}
