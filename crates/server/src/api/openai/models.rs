//! `/v1/models`.

use crate::catalog::ModelCard;
use crate::error::{ApiError, json_response};
use crate::service::Service;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// All models.
pub async fn list(State(service): State<Arc<Service>>) -> Response {
    let models: Vec<Value> = service.registry.standings().iter().map(|standing| model(&standing.card)).collect();
    json_response(StatusCode::OK, &json!({"object": "list", "data": models}))
}

/// One model.
///
/// # Errors
/// A name that no model has.
pub async fn show(State(service): State<Arc<Service>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let card = service.registry.card(Some(&name))?;
    Ok(json_response(StatusCode::OK, &model(&card)))
}

fn model(card: &ModelCard) -> Value {
    json!({
        "id": card.name,
        "object": "model",
        "created": card.created,
        "owned_by": "hefu",
        "meta": {
            "n_ctx": card.context,
            "n_params": card.parameters,
            "size": card.file_bytes,
            "family": card.family,
            "quantization": card.quantization,
        },
    })
}
