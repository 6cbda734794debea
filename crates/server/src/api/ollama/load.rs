//! Requests that bring a model to memory and ask for no answer.

use super::output::{Shape, now};
use crate::error::ApiError;
use crate::service::{Caller, Service};
use axum::response::Response;
use hefu_answer::{Ask, KeepAlive};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Brings a model to memory, or lets it go if it is to stay for no time.
pub(super) async fn load(
    service: &Arc<Service>,
    caller: &Caller,
    ask: Ask,
    shape: Shape,
) -> Result<Response, ApiError> {
    let is_unloading = ask.keep_alive == Some(KeepAlive::For(Duration::ZERO));
    let lease = service.lease(caller.client, &ask).await?;
    let mut answer = json!({
        "model": lease.worker.text.name,
        "created_at": now(),
        "done": true,
        "done_reason": if is_unloading { "unload" } else { "load" },
    });
    match shape {
        Shape::Chat => answer["message"] = json!({"role": "assistant", "content": ""}),
        Shape::Generate => answer["response"] = Value::String(String::new()),
    }
    Ok(super::one_line(&answer))
}
