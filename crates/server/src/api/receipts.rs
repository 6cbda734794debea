//! `/v1/receipts/{id}`: the signed receipt of an answer.

use crate::error::{ApiError, Kind};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// What dialects put before the id of an answer.
const PREFIXES: [&str; 4] = ["chatcmpl-", "cmpl-", "resp_", "msg_"];
/// Longest id that is looked for, in bytes.
const MAX_ID_BYTES: usize = 128;

/// The receipt of an answer, by its id in any dialect. Who asked with an API key gets the receipts of that key alone.
///
/// # Errors
/// [`Kind::NotFound`] if there is none for whoever asks.
pub async fn show(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let Some(recorder) = service.recorder.clone() else {
        return Err(ApiError::new(Kind::NotFound, "this server makes no receipts; its log says why, or --receipts 0"));
    };
    let missing = || {
        let sentence = "there is no receipt of this answer: the id is another's, or too many answers have followed; with \
                        --audit FILE the server keeps all of them";
        ApiError::new(Kind::NotFound, sentence).code("receipt_not_found")
    };
    if id.len() > MAX_ID_BYTES {
        return Err(missing());
    }
    let id = bare(&id).to_owned();
    let found = tokio::task::spawn_blocking(move || recorder.receipt(&id, &caller.name)).await;
    let found = found.map_err(|error| ApiError::internal(error.to_string()))?.map_err(ApiError::internal)?;
    let text = found.ok_or_else(missing)?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, "application/json")], text).into_response())
}

/// The id of an answer without what a dialect puts before it.
fn bare(id: &str) -> &str {
    PREFIXES.iter().find_map(|prefix| id.strip_prefix(prefix)).unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::bare;

    #[test]
    fn an_answer_is_found_by_its_id_in_any_dialect() {
        for id in ["0198", "chatcmpl-0198", "cmpl-0198", "resp_0198", "msg_0198"] {
            assert_eq!(bare(id), "0198");
        }
        assert_eq!(bare("chatcmpl-0198-2"), "0198-2");
    }
}
