//! `/v1/embeddings`.

use super::super::fields::Fields;
use super::super::settings::HARMLESS;
use super::completions::prompts;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hefu_answer::Ask;
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
    let dimensions: Option<usize> = fields.take("dimensions")?;
    fields.only("add_special_tokens", &[json!(true)])?;
    fields.only("truncate_prompt_tokens", &[json!(-1)])?;
    fields.finish()?;
    let asks = inputs.into_iter().map(|prompt| Ask { model: model.clone(), prompt, ..Ask::default() });
    let (model, mut vectors, tokens) = service.embed(&caller, asks.collect(), false).await?;
    vectors.iter_mut().try_for_each(|vector| cut(vector, dimensions))?;
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

/// Keeps the first numbers of a vector, and makes its length 1 again.
///
/// # Errors
/// More than there are.
pub(crate) fn cut(vector: &mut Vec<f32>, dimensions: Option<usize>) -> Result<(), ApiError> {
    let Some(wanted) = dimensions.filter(|wanted| *wanted != vector.len()) else { return Ok(()) };
    if wanted == 0 || wanted > vector.len() {
        let sentence = format!("dimensions is {wanted}, but this model's vectors have {} numbers", vector.len());
        return Err(ApiError::parameter("dimensions", sentence));
    }
    vector.truncate(wanted);
    let length = vector.iter().map(|number| f64::from(*number) * f64::from(*number)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number = (f64::from(*number) / length) as f32);
    }
    Ok(())
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

    #[test]
    fn vectors_are_cut_and_have_length_one_again() {
        let mut vector = vec![0.6, 0.0, 0.8];
        cut(&mut vector, None).unwrap();
        cut(&mut vector, Some(3)).unwrap();
        assert_eq!(vector, [0.6, 0.0, 0.8]);
        assert_eq!(cut(&mut vector, Some(4)).unwrap_err().param.as_deref(), Some("dimensions"));
        cut(&mut vector, Some(2)).unwrap();
        assert_eq!(vector, [1.0, 0.0]);
    }
}
