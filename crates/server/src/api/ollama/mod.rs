//! The API of Ollama: chat, generate, embed, and what tells of models.

mod answer;
mod embed;
mod generate;
mod load;
mod models;
mod options;
mod output;
pub mod schema;

pub use answer::chat;
pub use embed::{embed, embeddings};
pub use generate::generate;
pub use models::{ps, pull, show, tags, version};

use super::fields::Fields;
use crate::error::ApiError;
use crate::registry::Registry;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// The tag that clients of this API add to names without one.
const LATEST: &str = ":latest";

/// The model that a request names, without a tag that it has not here.
fn model(fields: &mut Fields, registry: &Registry) -> Result<Option<String>, ApiError> {
    let name: Option<String> = fields.take_any(&["model", "name"])?;
    Ok(name.map(|name| match name.strip_suffix(LATEST) {
        Some(stem) if registry.card(Some(&name)).is_err() => stem.to_owned(),
        _ => name,
    }))
}

/// A single JSON value as the last line of a stream, or the whole of an answer.
fn line(value: &Value, out: &mut String) {
    out.push_str(&value.to_string());
    out.push('\n');
}

/// The line alone, as a stream of one.
fn one_line(value: &Value) -> Response {
    let mut out = String::new();
    line(value, &mut out);
    ([(CONTENT_TYPE, super::sse::LINES)], out).into_response()
}
