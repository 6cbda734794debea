//! The Messages API of Anthropic: `/v1/messages`, `/v1/messages/count_tokens`.

mod output;
mod request;
mod stream;

use super::answered;
use super::fields::Fields;
use super::sse;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;
use stream::MessageStream;

/// Answers a conversation.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (ask, is_streaming) = request::read(fields)?;
    let mut answer = service.answer(&caller, ask).await?;
    if is_streaming {
        let events = MessageStream::new(&answer);
        let frame = answer.without_pieces();
        return Ok(answered(&frame, sse::stream_of(vec![answer], events)));
    }
    let (choices, summary) = answer.collect().await?;
    let choice = choices.into_iter().next().unwrap_or_default();
    Ok(answered(&answer, json_response(StatusCode::OK, &output::whole(&answer, &choice, &summary))))
}

/// Counts the tokens that a conversation would have as a prompt.
///
/// # Errors
/// Whatever is wrong with the request.
pub async fn count_tokens(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let ask = request::read_countable(fields)?;
    let ids = service.prompt_ids(caller.client, ask).await?;
    Ok(json_response(StatusCode::OK, &json!({"input_tokens": ids.len()})))
}

/// The body of `/v1/messages`.
pub(super) fn schema() -> Value {
    let mut schema = countable_schema();
    let mut own = super::settings::schema();
    own.extend(
        [
            ("max_tokens", json!({"type": "integer", "description": "Most tokens of the answer"})),
            ("stop_sequences", json!({"type": ["array", "null"], "items": {"type": "string"}})),
            ("stream", json!({"type": ["boolean", "null"], "description": "Answer as server-sent events"})),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    if let Some(properties) = schema.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.extend(own);
    }
    schema["required"] = json!(["messages", "max_tokens"]);
    schema
}

/// The body of `/v1/messages/count_tokens`.
pub(super) fn countable_schema() -> Value {
    json!({
        "type": "object",
        "required": ["messages"],
        "properties": {
            "model": {"type": ["string", "null"], "description": "A name of /v1/models; the first of them by default"},
            "messages": {"type": "array", "items": {"type": "object", "required": ["role", "content"], "properties": {
                "role": {"enum": ["user", "assistant", "system"]},
                "content": {"type": ["string", "array"], "items": {"type": "object"}},
            }}},
            "system": {"type": ["string", "array", "null"], "items": {"type": "object"}},
            "tools": {"type": ["array", "null"], "items": {"type": "object"}},
            "tool_choice": {"type": ["object", "null"]},
            "thinking": {"type": ["object", "null"]},
        },
    })
}
