//! State of the server: `/health`, `/ready`, `/metrics`, `/props`, `/slots`, `/version`.

use crate::error::{ApiError, Kind, json_response};
use crate::metrics;
use crate::registry::Standing;
use crate::service::Service;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Tells that the program lives.
pub async fn health() -> Response {
    json_response(StatusCode::OK, &json!({"status": "ok"}))
}

/// Tells if it would answer a request now: a model is in memory, it is not stopping, and answers can be recorded.
///
/// # Errors
/// [`Kind::Unavailable`] if it would not.
pub async fn ready(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    if let Some(refusal) = service.refusal() {
        return Err(refusal);
    }
    if service.registry.standings().iter().all(|standing| standing.worker.is_none()) {
        return Err(ApiError::new(Kind::Unavailable, "no model is in memory yet"));
    }
    service.can_record().await.map_err(|sentence| ApiError::not_recorded(&sentence))?;
    Ok(json_response(StatusCode::OK, &json!({"status": "ready"})))
}

/// Metrics.
///
/// # Errors
/// If the text cannot be written.
pub async fn metrics(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let text = service.metrics.text(&service.registry.standings());
    let text = text.map_err(|error| ApiError::internal(error.to_string()))?;
    let accepts = headers.get(ACCEPT).and_then(|accepted| accepted.to_str().ok()).unwrap_or_default();
    Ok(if accepts.contains("application/openmetrics-text") {
        ([(CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
    } else {
        ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics::plain(&text)).into_response()
    })
}

/// The server and its first model, with the names of llama.cpp.
pub async fn props(State(service): State<Arc<Service>>) -> Response {
    let standings = service.registry.standings();
    let first = standings.first();
    let model = |standing: &Standing| {
        json!({
            "id": standing.card.name,
            "loaded": standing.worker.is_some(),
            "fingerprint": standing.worker.as_ref().map(|worker| worker.fingerprint.clone()),
            "memory_bytes": standing.card.memory_bytes,
            "n_ctx": standing.card.context,
        })
    };
    let body = json!({
        "build_info": concat!("hefu ", env!("CARGO_PKG_VERSION")),
        "model_alias": first.map(|standing| standing.card.name.clone()),
        "chat_template": first.and_then(|standing| standing.card.template.clone()),
        "chat_template_caps": caps(first.and_then(|standing| standing.card.template.as_deref())),
        "default_generation_settings": {"n_ctx": first.map(|standing| standing.card.context)},
        // One for each model, as at /slots; each computes many answers at once.
        "total_slots": standings.len(),
        "modalities": {"vision": false, "audio": false},
        "models": standings.iter().map(model).collect::<Vec<Value>>(),
        "is_sleeping": first.is_some_and(|standing| standing.worker.is_none()),
    });
    json_response(StatusCode::OK, &body)
}

/// Capabilities of a template, by the names of llama.cpp. Functions that a template knows nothing of are described to
/// the model in words, and parts of a message are joined to one text.
fn caps(template: Option<&str>) -> Value {
    let has = template.is_some();
    json!({
        "supports_tools": has,
        "supports_tool_calls": has,
        "supports_parallel_tool_calls": has,
        "supports_system_role": has,
        "supports_string_content": has,
        "supports_typed_content": has,
        "supports_object_arguments": has,
        "supports_preserve_reasoning": template.is_some_and(|source| source.contains("reasoning_content")),
    })
}

/// Work of each model in memory.
pub async fn slots(State(service): State<Arc<Service>>) -> Response {
    let standings = service.registry.standings();
    let loaded = standings.iter().filter_map(|standing| Some((standing, standing.worker.as_ref()?)));
    let slots = loaded.enumerate().map(|(id, (standing, worker))| {
        let s = worker.statistics();
        json!({
            "id": id,
            "model": standing.card.name,
            "is_processing": s.running > 0,
            "running": s.running,
            "waiting": s.waiting,
            "pages": {"all": s.pages, "used": s.pages_used, "cached": s.pages_cached},
            "last_step": {"requests": s.step_jobs, "tokens": s.step_tokens},
            "steps": s.steps,
            "prompt_tokens": {"computed": s.prompt_tokens_computed, "reused": s.prompt_tokens_reused},
            "answer_tokens": s.answer_tokens,
            "guesses": {"computed": s.drafted_tokens, "right": s.accepted_tokens},
            "interruptions": s.preemptions,
        })
    });
    json_response(StatusCode::OK, &Value::Array(slots.collect()))
}
