//! `/v1/chat/completions`.
//!
//! A dialect is a translation, both ways, and knows nothing of models:
//!
//! ```text
//! body ── read ──▶ Ask ── Service::answer ──▶ Answer (events) ── whole | ChatStream ──▶ JSON | server-sent events
//! ```
//!
//! `read` takes the body apart field by field (`Fields`): every field is taken, known to change nothing, or refused by
//! name, so that nobody gets an answer to another question than theirs.
//!
//! To add a field: take it in `read` (or in `shared` of `openai/mod.rs`, where completions have it too), put it into `Ask`,
//! which `crates/answer` defines for all dialects, and describe it in `api/openapi.rs`. A setting of sampling is a line of
//! `api/settings.rs`, a field without effect one of `api/neutral.rs`. Tests of `read` are at the end;
//! `crates/hefu/tests/server/endpoints.rs` sends every field that is described. The documents are `docs/users/server.md` and
//! its Chinese half.
//!
//! Other dialects (`anthropic`, `ollama`, `native`, `responses`) are built alike and make the same `Ask`, so that they give
//! the same answers.

use super::super::fields::Fields;
use super::super::sse;
use super::super::{answered, built};
use super::chat_stream::ChatStream;
use super::completions::prompt_logprobs;
use super::{Streaming, messages, output, response_format, shared, streaming, tool_choice, tools};
use crate::answer::Answer;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::{Ask, Prompt};
use hefu_answer::{Choice, Summary};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Answers a conversation.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (ask, streaming, prompt_logprobs) = read(fields)?;
    let mut scored = None;
    if let Some(logprobs) = prompt_logprobs {
        let own = Ask { logprobs: Some(logprobs), ..ask.clone() };
        let (_, echoes) = service.echoes(&caller, vec![own]).await?;
        scored = echoes.first().map(output::prompt_logprobs);
    }
    respond(service.answer(&caller, ask).await?, streaming, scored).await
}

/// An answer in the shape of chat completions, whole or as a stream; a whole one with what was asked of its prompt.
pub(super) async fn respond(
    mut answer: Answer,
    streaming: Streaming,
    prompt_logprobs: Option<Value>,
) -> Result<Response, ApiError> {
    if streaming.is_wanted {
        let events = ChatStream::new(&answer, streaming.include_usage);
        let frame = answer.without_pieces();
        return Ok(answered(&frame, sse::stream_of(vec![answer], events)));
    }
    let (choices, summary) = answer.collect().await?;
    let frame = answer.without_pieces();
    let make = move || {
        let mut body = whole(&frame, &choices, &summary);
        if let Some(scored) = prompt_logprobs {
            body["prompt_logprobs"] = scored;
        }
        json_response(StatusCode::OK, &body)
    };
    Ok(answered(&answer, built(make).await?))
}

/// A request's body as what is asked, where the answer comes as a whole and alone.
///
/// # Errors
/// Whatever is wrong with it.
pub(in crate::api) fn whole_ask(fields: Fields) -> Result<Ask, ApiError> {
    let alone = |name: &str| ApiError::parameter(name, format!("{name} is not taken here; leave it out"));
    match read(fields)? {
        (_, Streaming { is_wanted: true, .. }, _) => Err(alone("stream")),
        (_, _, Some(_)) => Err(alone("prompt_logprobs")),
        (ask, ..) => Ok(ask),
    }
}

/// A request's body as what is asked.
fn read(mut fields: Fields) -> Result<(Ask, Streaming, Option<u32>), ApiError> {
    let conversation: Vec<Value> = fields.need("messages")?;
    let streaming = streaming(&mut fields)?;
    let prompt_logprobs = prompt_logprobs(&mut fields, streaming)?;
    let mut ask = shared(&mut fields)?;
    ask.prompt = Prompt::Messages(messages(conversation)?);
    ask.tools = tools(&mut fields)?;
    ask.tool_choice = tool_choice(&mut fields, &ask.tools)?;
    ask.parallel_tool_calls = fields.take("parallel_tool_calls")?;
    ask.format = response_format(&mut fields)?;
    ask.logprobs = logprobs(&mut fields)?;
    ask.variables = fields.take("chat_template_kwargs")?.unwrap_or_default();
    // Templates that know an effort read it under this name; others pass it over.
    if let Some(effort) = fields.take::<String>("reasoning_effort")? {
        ask.variables.insert("reasoning_effort".to_owned(), json!(effort));
    }
    if let Some(think) = thinking(&mut fields)? {
        ask.variables.insert("enable_thinking".to_owned(), json!(think));
    }
    let go_on: Option<bool> = fields.take("continue_final_message")?;
    ask.continue_last = go_on.unwrap_or(false);
    let add: Option<bool> = fields.take("add_generation_prompt")?;
    if add == Some(ask.continue_last) {
        return Err(fields.wrong("add_generation_prompt", "the opposite of continue_final_message"));
    }
    fields.only("modalities", &[json!(["text"])])?;
    fields.only("verbosity", &[json!("medium")])?;
    fields.finish()?;
    Ok((ask, streaming, prompt_logprobs))
}

/// True if the model is to think first, for templates that know of it: `enable_thinking`, or `thinking` as an object.
fn thinking(fields: &mut Fields) -> Result<Option<bool>, ApiError> {
    let own: Option<bool> = fields.take("enable_thinking")?;
    let given = match fields.take::<Value>("thinking")? {
        None => None,
        Some(Value::Bool(think)) => Some(think),
        Some(value) => match value.get("type").and_then(Value::as_str) {
            Some("enabled" | "adaptive" | "auto") => Some(true),
            Some("disabled") => Some(false),
            _ => return Err(fields.wrong("thinking", "an object with the type enabled or disabled")),
        },
    };
    Ok(own.or(given))
}

/// Number of likely tokens wanted at each place, if log-probabilities are.
fn logprobs(fields: &mut Fields) -> Result<Option<u32>, ApiError> {
    let wanted = fields.take::<bool>("logprobs")?.unwrap_or(false);
    let top: Option<u32> = fields.take("top_logprobs")?;
    match (wanted, top) {
        (true, top) => Ok(Some(top.unwrap_or(0))),
        (false, None | Some(0)) => Ok(None),
        (false, Some(_)) => Err(ApiError::parameter("top_logprobs", "top_logprobs needs logprobs to be true")),
    }
}

fn whole(answer: &Answer, choices: &[Choice], summary: &Summary) -> Value {
    let choices: Vec<Value> = choices.iter().enumerate().map(|(index, choice)| whole_choice(index, choice)).collect();
    let mut body = json!({
        "id": format!("chatcmpl-{}", answer.id),
        "object": "chat.completion",
        "created": answer.created,
        "model": answer.model,
        "choices": choices,
        "usage": output::usage(summary),
        "system_fingerprint": answer.fingerprint,
        "seed": answer.seed,
        "timings": output::timings(summary),
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(answer.labels.clone());
    }
    body
}

fn whole_choice(index: usize, choice: &Choice) -> Value {
    let has_content = !choice.text.is_empty() || choice.calls.is_empty();
    let mut message = Map::new();
    message.insert("role".to_owned(), json!("assistant"));
    message.insert("content".to_owned(), if has_content { json!(choice.text) } else { Value::Null });
    message.insert("refusal".to_owned(), Value::Null);
    message.insert("annotations".to_owned(), json!([]));
    if !choice.reasoning.is_empty() {
        // Both names are in use among clients.
        message.insert("reasoning_content".to_owned(), json!(choice.reasoning));
        message.insert("reasoning".to_owned(), json!(choice.reasoning));
    }
    if !choice.calls.is_empty() {
        message.insert("tool_calls".to_owned(), choice.calls.iter().map(output::call).collect());
    }
    let logprobs = if choice.logprobs.is_empty() { Value::Null } else { output::logprobs(&choice.logprobs) };
    json!({
        "index": index,
        "message": message,
        "logprobs": logprobs,
        "finish_reason": output::finish_reason(choice.finish.as_ref()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_answer::ToolChoice;

    fn of(value: Value) -> Result<(Ask, Streaming), ApiError> {
        let (ask, streaming, _) = read(Fields::parse(value.to_string().as_bytes())?)?;
        Ok((ask, streaming))
    }

    #[test]
    fn a_full_request_is_read() {
        let (ask, streaming) = of(json!({
            "model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": true,
            "stream_options": {"include_usage": true}, "temperature": 0, "n": 2, "stop": "x", "logprobs": true,
            "top_logprobs": 3, "max_completion_tokens": 9, "user": "u", "metadata": {"a": "b"},
            "parallel_tool_calls": false, "reasoning_effort": "low",
            "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required",
            "response_format": {"type": "text"}, "service_tier": "auto", "verbosity": "medium",
        }))
        .unwrap();
        assert!(streaming.is_wanted && streaming.include_usage);
        assert_eq!((ask.count, ask.logprobs, ask.max_tokens), (2, Some(3), Some(9)));
        assert_eq!((ask.stops, ask.tool_choice, ask.format), (vec!["x".to_owned()], ToolChoice::Required, None));
        assert_eq!(ask.variables["reasoning_effort"], "low");
        assert_eq!(ask.parallel_tool_calls, Some(false));
    }

    #[test]
    fn what_would_change_the_answer_is_refused_by_name() {
        let messages = json!([{"role": "user", "content": "hi"}]);
        for name in ["audio", "functions", "web_search_options", "mirostat", "whatever"] {
            let error = of(json!({"messages": messages, name: 1})).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(name));
            assert_eq!(error.code, Some("unsupported_parameter"));
        }
        let error = of(json!({"messages": messages, "modalities": ["text", "audio"]})).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("modalities"));
        let error = of(json!({"messages": messages, "top_logprobs": 2})).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("top_logprobs"));
    }
}
