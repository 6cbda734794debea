//! Work that moves between servers, for operators: `/v1/drain` sends it away, `/v1/resume` takes it.

use super::fields::Fields;
use crate::error::{ApiError, Kind, json_response};
use crate::moving::{Destination, FORMAT, Parcel};
use crate::registry::Standing;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Has running answers and kept responses go on at another server; no new requests are taken from then on.
///
/// # Errors
/// Whoever is no operator, or a server that cannot be reached or lets nobody in with this key: nothing has moved then.
pub(super) async fn begin(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    must_operate(&caller)?;
    let (to, key): (String, String) = (fields.need("to")?, fields.need("key")?);
    fields.finish()?;
    let destination = Destination::new(&to, &key).map_err(|sentence| ApiError::parameter("to", sentence))?;
    let refused = |sentence| ApiError::parameter("to", format!("nothing has moved: {sentence}")).code("cannot_drain");
    destination.greet().await.map_err(refused)?;
    let order = service.drain(Arc::new(destination));
    Ok(json_response(StatusCode::OK, &order.account(service.count_under_way())))
}

/// What has moved so far, and what is still under way.
///
/// # Errors
/// Whoever is no operator.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    must_operate(&caller)?;
    let account = service.moves.order().map(|order| order.account(service.count_under_way()));
    Ok(json_response(StatusCode::OK, &account.unwrap_or_else(|| json!({"object": "drain", "to": null}))))
}

/// Takes requests again.
///
/// # Errors
/// Whoever is no operator, or a server that moves nothing.
pub(super) async fn end(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    must_operate(&caller)?;
    let none = || ApiError::new(Kind::NotFound, "nothing is being moved from here");
    let order = service.end_drain().ok_or_else(none)?;
    Ok(json_response(StatusCode::OK, &order.account(service.count_under_way())))
}

/// What another server's answers can go on with here.
///
/// # Errors
/// Whoever is no operator, or a server that takes nothing now.
pub(super) async fn greet(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    must_operate(&caller)?;
    if let Some(refusal) = service.refusal() {
        return Err(refusal);
    }
    let model = |standing: Standing| {
        let fingerprint = standing.worker.as_ref().map(|worker| worker.fingerprint.clone());
        json!({"id": standing.card.name, "fingerprint": fingerprint, "context": standing.card.context})
    };
    let models: Vec<Value> = service.registry.standings().into_iter().map(model).collect();
    Ok(json_response(StatusCode::OK, &json!({"object": "resume", "format": FORMAT, "models": models})))
}

/// Goes on with an answer of another server.
///
/// # Errors
/// Whoever is no operator, and whatever is wrong with the answer.
pub(super) async fn resume(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    must_operate(&caller)?;
    service.resume(&caller, body).await
}

/// Keeps responses of another server, all or none.
///
/// # Errors
/// Whoever is no operator, and whatever is wrong with the responses.
pub(super) async fn keep(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Response, ApiError> {
    must_operate(&caller)?;
    if let Some(refusal) = service.refusal() {
        return Err(refusal);
    }
    let responses = service.work(caller.client, move |_| Parcel::read(&body)).await??;
    let count = responses.len();
    responses.into_iter().for_each(|(client, id, response)| service.responses.keep(&client, id, response));
    tracing::info!(count, "kept responses of another server");
    if let Some(recorder) = &service.recorder {
        recorder.moved("responses_received", json!({"responses": count}));
    }
    Ok(json_response(StatusCode::OK, &json!({"object": "resume", "responses": count})))
}

/// Lets operators alone in: also where no key is asked for, since whoever moves an answer reads it.
fn must_operate(caller: &Caller) -> Result<(), ApiError> {
    if caller.is_operator {
        return Ok(());
    }
    if caller.name.is_empty() {
        let sentence = "only an operator may ask this, with a key that hefu key add NAME --operator makes";
        return Err(ApiError::new(Kind::Unauthenticated, sentence).code("invalid_api_key"));
    }
    let sentence = format!("the key {:?} is no operator's; hefu key add NAME --operator makes one", caller.name);
    Err(ApiError::new(Kind::Forbidden, sentence))
}

/// The body of `/v1/drain`.
pub(super) fn schema() -> Value {
    json!({"type": "object", "required": ["to", "key"], "properties": {
        "to": {"type": "string", "description": "The other server's address, such as http://127.0.0.1:8080"},
        "key": {"type": "string", "description": "The key of an operator there"},
    }})
}

/// The body of `/v1/resume`.
pub(super) fn letter_schema() -> Value {
    json!({"type": "object", "description": "An answer that another server sends"})
}

/// The body of `/v1/resume/responses`.
pub(super) fn parcel_schema() -> Value {
    json!({"type": "object", "description": "Kept responses that another server sends"})
}
