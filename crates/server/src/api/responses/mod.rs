//! The Responses API: `/v1/responses`. Nothing is stored: each request carries its whole conversation.

mod items;
mod request;
mod resource;
mod stream;

use super::answered;
use super::fields::Fields;
use super::{settings, sse};
use crate::error::{ApiError, json_response};
use crate::ids;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use resource::Resource;
use serde_json::{Value, json};
use std::sync::Arc;
use stream::ResponseStream;

/// Answers a conversation.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let wanted = request::read(fields)?;
    let mut answer = service.answer(&caller, wanted.ask).await?;
    let resource = Resource::new(&answer, wanted.echo);
    if wanted.is_streaming {
        let frame = answer.without_pieces();
        return Ok(answered(&frame, sse::stream_of(vec![answer], ResponseStream::new(resource))));
    }
    let (choices, summary) = answer.collect().await?;
    let choice = choices.into_iter().next().unwrap_or_default();
    let output = items::output(resource.answer_id(), &choice);
    let body = resource.ended(output, choice.finish.as_ref(), &summary, ids::unix_seconds());
    Ok(answered(&answer, json_response(StatusCode::OK, &body)))
}

/// The body of `/v1/responses`.
pub(super) fn schema() -> Value {
    let mut properties = settings::schema();
    let own = [
        ("model", json!({"type": ["string", "null"], "description": "A name of /v1/models; the first by default"})),
        ("input", json!({"type": ["string", "array"], "items": {"type": "object"}})),
        ("instructions", json!({"type": ["string", "null"]})),
        ("max_output_tokens", json!({"type": ["integer", "null"]})),
        ("tools", json!({"type": ["array", "null"], "items": {"type": "object"}})),
        ("tool_choice", json!({"type": ["string", "object", "null"]})),
        ("parallel_tool_calls", json!({"type": ["boolean", "null"]})),
        ("text", json!({"type": ["object", "null"]})),
        ("reasoning", json!({"type": ["object", "null"]})),
        ("stream", json!({"type": ["boolean", "null"], "description": "Answer as server-sent events"})),
        ("top_logprobs", json!({"type": ["integer", "null"]})),
        ("include", json!({"type": ["array", "null"], "items": {"type": "string"}})),
    ];
    properties.extend(own.map(|(name, value)| (name.to_owned(), value)));
    json!({"type": "object", "required": ["input"], "properties": properties})
}
