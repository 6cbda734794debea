//! `/v1/receipts/{id}`: the signed receipt of an answer.

use crate::error::{ApiError, Kind};
use crate::ids;
use crate::record::Recorder;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

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
    let recorder = recorder(&service)?;
    let missing = || {
        let sentence = "there is no receipt of this answer: the id is another's, or too many answers have followed; with \
                        --audit FILE the server keeps all of them";
        ApiError::new(Kind::NotFound, sentence).code("receipt_not_found")
    };
    let id = bare(&id).ok_or_else(missing)?.to_owned();
    let found = tokio::task::spawn_blocking(move || recorder.receipt(&id, &caller.name)).await;
    let found = found.map_err(|error| ApiError::internal(error.to_string()))?.map_err(ApiError::internal)?;
    let text = found.ok_or_else(missing)?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, "application/json")], text).into_response())
}

/// The digests of an answer's trace, for whoever may have its receipt.
///
/// # Errors
/// [`Kind::NotFound`] if there are none for whoever asks.
pub async fn trace(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let found = recorder(&service)?;
    let text = bare(&id).and_then(|id| found.trace(id, &caller.name)).ok_or_else(|| {
        let sentence = "there is no trace of this answer: the id is another's, too many answers have followed, or the server \
                        runs without --trace";
        ApiError::new(Kind::NotFound, sentence).code("trace_not_found")
    })?;
    Ok((StatusCode::OK, [(CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response())
}

fn recorder(service: &Service) -> Result<Arc<dyn Recorder>, ApiError> {
    let none = || ApiError::new(Kind::NotFound, "this server makes no receipts; its log says why, or --receipts 0");
    service.recorder.clone().ok_or_else(none)
}

/// The id of an answer without what a dialect puts before it; `None` if it is none.
fn bare(id: &str) -> Option<&str> {
    (id.len() <= MAX_ID_BYTES).then(|| ids::bare(id))
}

#[cfg(test)]
mod tests {
    use super::{MAX_ID_BYTES, bare};

    #[test]
    fn an_answer_is_found_by_its_id_in_any_dialect() {
        for id in ["0198", "chatcmpl-0198", "cmpl-0198", "resp_0198", "msg_0198"] {
            assert_eq!(bare(id), Some("0198"));
        }
        assert_eq!(bare("chatcmpl-0198-2"), Some("0198-2"));
        assert_eq!(bare(&"0".repeat(MAX_ID_BYTES + 1)), None);
    }
}
