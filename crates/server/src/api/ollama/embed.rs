//! `/api/embed`, and `/api/embeddings`, its older form.

use super::super::fields::{Fields, Texts};
use super::super::openai::embeddings::cut;
use super::options::{keep_alive, pass_over};
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::{Ask, Prompt};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Instant;

/// One vector of length 1 for each input.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn embed(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let started = Instant::now();
    let inputs: Texts = fields.need("input")?;
    let dimensions = fields.take("dimensions")?.filter(|dimensions| *dimensions != 0);
    let (model, mut vectors, tokens) = vectors(&service, &caller, fields, inputs.0).await?;
    vectors.iter_mut().try_for_each(|vector| cut(vector, dimensions))?;
    let body = json!({
        "model": model,
        "embeddings": vectors,
        "total_duration": started.elapsed().as_nanos() as u64,
        "load_duration": 0,
        "prompt_eval_count": tokens,
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// One vector for one prompt.
///
/// # Errors
/// As [`embed`].
pub async fn embeddings(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let prompt: String = fields.need("prompt")?;
    let (_, vectors, _) = vectors(&service, &caller, fields, vec![prompt]).await?;
    let vector = vectors.into_iter().next().unwrap_or_default();
    Ok(json_response(StatusCode::OK, &json!({"embedding": vector})))
}

async fn vectors(
    service: &Arc<Service>,
    caller: &Caller,
    mut fields: Fields,
    texts: Vec<String>,
) -> Result<(String, Vec<Vec<f32>>, usize), ApiError> {
    let model = super::model(&mut fields, &service.registry)?;
    let keep_alive = keep_alive(&mut fields)?;
    // The API cuts what is too long unless it is told not to. Options are those of answers.
    let may_be_cut = fields.take("truncate")?.unwrap_or(true);
    fields.ignore(&["options"]);
    pass_over(fields);
    if texts.is_empty() {
        return Ok((model.unwrap_or_default(), Vec::<Vec<f32>>::new(), 0));
    }
    let ask = |text| Ask { model: model.clone(), prompt: Prompt::Text(text), keep_alive, ..Ask::default() };
    let asks = texts.into_iter().map(ask).collect::<Vec<Ask>>();
    service.embed(caller, asks, may_be_cut).await
}

/// Schema of an embedding's body, for tests and the description of the API.
pub(super) fn schema(name: &str) -> Value {
    json!({
        "type": "object",
        "required": [name],
        "properties": {
            "model": {"type": ["string", "null"]},
            name: {"type": if name == "input" { json!(["string", "array"]) } else { json!("string") },
                "items": {"type": "string"}},
            "dimensions": {"type": ["integer", "null"], "description": "How many numbers of each vector are kept"},
            "truncate": {"type": ["boolean", "null"], "description": "Whether what is too long is cut: true if nothing is said"},
            "keep_alive": {"type": ["string", "number", "null"]},
        },
    })
}
