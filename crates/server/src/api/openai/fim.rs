//! `/v1/fim/completions`: what fills a gap, with the names of Mistral's API.

use super::chat;
use super::{Prompt, response_format, shared, streaming};
use crate::api::fields::Fields;
use crate::error::ApiError;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use hefu_answer::Gap;
use std::sync::Arc;

/// Fills a gap.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let (prefix, suffix) = (fields.need("prompt")?, fields.take("suffix")?.unwrap_or_default());
    let streaming = streaming(&mut fields)?;
    let mut ask = shared(&mut fields)?;
    ask.format = response_format(&mut fields)?;
    fields.finish()?;
    ask.prompt = Prompt::Gap(Gap { prefix, suffix, ..Gap::default() });
    chat::respond(service.answer(&caller, ask).await?, streaming, None).await
}
