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
    let standings = service.registry.standings();
    let names = |card: &ModelCard| std::iter::once(&card.name).chain(&card.aliases).cloned().collect::<Vec<_>>();
    let models = standings
        .iter()
        .flat_map(|standing| names(&standing.card).into_iter().map(|name| model(&standing.card, &name)));
    let models: Vec<Value> = models.collect();
    json_response(StatusCode::OK, &json!({"object": "list", "data": models}))
}

/// One model.
///
/// # Errors
/// A name that no model has.
pub async fn show(State(service): State<Arc<Service>>, Path(name): Path<String>) -> Result<Response, ApiError> {
    let card = service.registry.card(Some(&name))?;
    Ok(json_response(StatusCode::OK, &model(&card, &name)))
}

fn model(card: &ModelCard, name: &str) -> Value {
    json!({
        "id": name,
        "object": "model",
        "created": card.created,
        "owned_by": "hefu",
        "root": card.name,
        "max_model_len": card.context,
        "meta": {
            "n_ctx": card.context,
            "n_params": card.parameters,
            "size": card.file_bytes,
            "family": card.family,
            "quantization": card.quantization,
        },
    })
}
