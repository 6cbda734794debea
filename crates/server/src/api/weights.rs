//! `/v1/weights`: a row of a weight, as the model's file has it.

use super::fields::Fields;
use crate::error::{ApiError, Kind, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::{Ask, weight_row_json};
use serde_json::{Value, json};
use std::sync::Arc;

/// A row of a weight.
///
/// # Errors
/// A weight or a row that is not there, or a model that cannot be had.
pub(super) async fn row(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let weight: u32 = fields.need("weight")?;
    let row: usize = fields.need("row")?;
    fields.finish()?;
    let lease = service.lease(caller.client, &Ask { model, ..Ask::default() }).await?;
    let (name, catalog) = (lease.worker.text.name.clone(), service.registry.catalog());
    let asked = name.clone();
    let found = service.work(caller.client, move |_| catalog.weight_row(&asked, weight, row)).await?;
    let found = found.map_err(ApiError::internal)?;
    let Some(found) = found else {
        let sentence =
            format!("{name} has no row {row} of a weight {weight}; GET /v1/trace tells the weights of products");
        return Err(ApiError { param: Some("row".to_owned()), ..ApiError::new(Kind::Invalid, sentence) });
    };
    let mut body = json!({"object": "weight_row", "model": name, "weight": weight, "row": row});
    if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), weight_row_json(&found)) {
        body.extend(fields);
    }
    Ok(json_response(StatusCode::OK, &body))
}

/// The body of a request.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "required": ["weight", "row"],
        "properties": {
            "model": {"type": ["string", "null"]},
            "weight": {"type": "integer", "minimum": 0, "description": "By its number among the products of GET /v1/trace"},
            "row": {"type": "integer", "minimum": 0, "description": "Counted from 0"},
        },
        "additionalProperties": false,
    })
}
