//! `/v1/embeddings`.

use super::super::fields::Fields;
use super::super::settings::HARMLESS;
use super::completions::prompts;
use crate::ask::Ask;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Arc;

/// One vector of length 1 for each input.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let inputs = prompts(fields.need("input")?, "input")?;
    let format: Option<String> = fields.take("encoding_format")?;
    let as_base64 = match format.as_deref() {
        None | Some("float") => false,
        Some("base64") => true,
        Some(_) => return Err(fields.wrong("encoding_format", "float or base64")),
    };
    fields.ignore(HARMLESS);
    fields.only("dimensions", &[])?;
    fields.finish()?;
    let asks = inputs.into_iter().map(|prompt| Ask { model: model.clone(), prompt, ..Ask::default() });
    let (model, vectors, tokens) = service.embed(&caller, asks.collect()).await?;
    let data = vectors.iter().enumerate().map(|(index, vector)| {
        let embedding = if as_base64 { json!(base64(vector)) } else { json!(vector) };
        json!({"object": "embedding", "index": index, "embedding": embedding})
    });
    let body = json!({
        "object": "list",
        "data": data.collect::<Vec<Value>>(),
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// The numbers as little-endian binary32, in base64.
fn base64(vector: &[f32]) -> String {
    STANDARD.encode(vector.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_holds_little_endian_numbers() {
        // 1.0 is 00 00 80 3f, 2.0 is 00 00 00 40.
        assert_eq!(base64(&[1.0]), "AACAPw==");
        assert_eq!(base64(&[1.0, 2.0]), "AACAPwAAAEA=");
    }
}
