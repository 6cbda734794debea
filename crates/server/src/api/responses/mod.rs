//! The Responses API: `/v1/responses`. The newest responses are kept in memory, so that a request can go on from one.

mod earlier;
mod items;
pub(crate) mod kept;
mod request;
mod resource;
mod stream;

use super::answered;
use super::fields::Fields;
use super::{settings, sse};
use crate::error::{ApiError, Kind, json_response};
use crate::ids;
use crate::moving::send_responses;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hefu_answer::Message;
use kept::Kept;
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
    let kept = earlier::Earlier { shelf: &service.responses, client: &caller.name };
    let wanted = request::read(fields, &kept)?;
    let mut answer = service.answer(&caller, wanted.ask).await?;
    let mut resource = Resource::new(&answer, wanted.echo);
    // A prompt that is hidden in receipts is not kept here either.
    let keeper = (wanted.is_kept && !caller.hides_prompt).then(|| Keeper {
        service: Arc::clone(&service),
        client: caller.name.clone(),
        id: answer.id.clone(),
        before: wanted.before,
        input: wanted.input,
    });
    if wanted.is_streaming {
        let frame = answer.without_pieces();
        return Ok(answered(&frame, sse::stream_of(vec![answer], ResponseStream::new(resource, keeper))));
    }
    let (choices, summary) = answer.collect().await?;
    resource.label(answer.labels.clone());
    let choice = choices.into_iter().next().unwrap_or_default();
    let output = items::output(resource.answer_id(), &choice);
    let body = resource.ended(output, choice.finish.as_ref(), &summary, ids::unix_seconds());
    if let Some(keeper) = keeper {
        keeper.keep(&body);
    }
    Ok(answered(&answer, json_response(StatusCode::OK, &body)))
}

/// Keeps a response once it is whole.
struct Keeper {
    service: Arc<Service>,
    client: String,
    id: String,
    before: Option<String>,
    input: Vec<Message>,
}

impl Keeper {
    fn keep(self, body: &Value) {
        let output = items::answered(body.get("output").unwrap_or(&Value::Null));
        let response = Kept { before: self.before, input: self.input, output, body: body.to_string().into() };
        self.service.responses.keep(&self.client, self.id.clone(), response);
        // What is kept while everything moves goes after it.
        if let Some(order) = self.service.moves.order() {
            let name = (self.client, self.id);
            self.service.accompany(send_responses(Arc::clone(&self.service), order, Some(name)));
        }
    }
}

/// A response that is kept.
///
/// # Errors
/// [`Kind::NotFound`] if there is none for whoever asks.
pub async fn show(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let found = service.responses.find(&caller.name, bare(&id)).ok_or_else(|| not_kept(&id))?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, "application/json")], String::from(found.body)).into_response())
}

/// Forgets a response.
///
/// # Errors
/// As [`show`].
pub async fn forget(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    if !service.responses.forget(&caller.name, bare(&id)) {
        return Err(not_kept(&id));
    }
    Ok(json_response(StatusCode::OK, &json!({"id": id, "object": "response", "deleted": true})))
}

/// The id of a response without its prefix.
fn bare(id: &str) -> &str {
    id.strip_prefix("resp_").unwrap_or(id)
}

fn not_kept(id: &str) -> ApiError {
    let sentence = format!(
        "there is no response {id:?} here: it is another's, was not to be stored, or too many have followed; send the whole \
         conversation"
    );
    ApiError::new(Kind::NotFound, sentence).code("response_not_found")
}

/// The body of `/v1/responses`.
pub(super) fn schema() -> Value {
    let mut properties = settings::schema();
    let own = [
        ("model", json!({"type": ["string", "null"], "description": "A name of /v1/models; the first by default"})),
        ("input", json!({"type": ["string", "array"], "items": {"type": "object"}})),
        ("previous_response_id", json!({"type": ["string", "null"], "description": "The response to go on from"})),
        ("store", json!({"type": ["boolean", "null"], "description": "Keep the response in memory; true by default"})),
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
