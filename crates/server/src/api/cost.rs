//! `/v1/cost`: what a token takes, step by step, and which share of the machine's limits that is.

use super::fields::Fields;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use std::sync::Arc;

/// Measures a model.
///
/// # Errors
/// A model that cannot be had or measured, or others who are being answered.
pub(super) async fn measure(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    fields.finish()?;
    let (lease, measured) = service.cost(&caller, model).await?;
    let body = json!({
        "object": "cost",
        "model": lease.worker.text.name,
        "system_fingerprint": lease.worker.fingerprint,
        "measured": measured,
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// The body of a request.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {"model": {"type": ["string", "null"]}},
        "additionalProperties": false,
    })
}
