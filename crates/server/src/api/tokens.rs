//! `/tokenize` and `/detokenize`, with the names of llama.cpp.

use super::fields::Fields;
use super::openai::{messages, tools};
use crate::ask::{Ask, Prompt};
use crate::error::{ApiError, json_response};
use crate::service::Service;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_text::tokenizer::Special;
use serde_json::{Value, json};
use std::sync::Arc;

/// The tokens of a text (`content`), or of a conversation (`messages`) as the model's template writes it.
///
/// # Errors
/// Whatever is wrong with the request.
pub async fn tokenize(State(service): State<Arc<Service>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model: Option<String> = fields.take("model")?;
    let content: Option<String> = fields.take_any(&["content", "prompt"])?;
    let conversation: Option<Vec<Value>> = fields.take("messages")?;
    let add_special = fields.take("add_special")?.unwrap_or(false);
    let parse_special = fields.take("parse_special")?.unwrap_or(true);
    let with_pieces = fields.take("with_pieces")?.unwrap_or(false);
    let tools = tools(&mut fields)?;
    fields.finish()?;
    let ask = match (content, conversation) {
        (Some(text), None) => Ask { model, prompt: Prompt::Text(text), ..Ask::default() },
        (None, Some(values)) => Ask { model, prompt: Prompt::Messages(messages(values)?), tools, ..Ask::default() },
        _ => return Err(ApiError::invalid("give either content, a text, or messages, a conversation")),
    };
    let lease = service.lease(&ask).await?;
    let tokenizer = Arc::clone(&lease.worker.tokenizer);
    let ids = match ask.prompt {
        Prompt::Text(text) => {
            let special = if parse_special { Special::Parse } else { Special::Plain };
            let tokenizer = Arc::clone(&tokenizer);
            let work = move || match add_special {
                true => tokenizer.encode_prompt(&text, special),
                false => tokenizer.encode(&text, special),
            };
            tokio::task::spawn_blocking(work).await.map_err(|error| ApiError::internal(error.to_string()))?
        }
        _ => service.prompt_ids(ask).await?,
    };
    let count = ids.len();
    let tokens: Vec<Value> = ids
        .into_iter()
        .map(|id| match with_pieces {
            false => json!(id),
            true => match std::str::from_utf8(tokenizer.token_bytes(id, true)) {
                Ok(text) => json!({"id": id, "piece": text}),
                Err(_) => json!({"id": id, "piece": tokenizer.token_bytes(id, true)}),
            },
        })
        .collect();
    Ok(json_response(StatusCode::OK, &json!({"tokens": tokens, "count": count})))
}

/// The text of tokens.
///
/// # Errors
/// Whatever is wrong with the request.
pub async fn detokenize(State(service): State<Arc<Service>>, body: Bytes) -> Result<Response, ApiError> {
    let mut fields = Fields::parse(&body)?;
    let model: Option<String> = fields.take("model")?;
    let ids: Vec<u32> = fields.need("tokens")?;
    fields.finish()?;
    let lease = service.lease(&Ask { model, ..Ask::default() }).await?;
    let tokenizer = &lease.worker.tokenizer;
    if let Some(id) = ids.iter().find(|id| **id as usize >= tokenizer.size()) {
        let sentence = format!("tokens names token {id}, but the vocabulary has only {}", tokenizer.size());
        return Err(ApiError::parameter("tokens", sentence));
    }
    let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id, true)).copied().collect();
    Ok(json_response(StatusCode::OK, &json!({"content": String::from_utf8_lossy(&bytes)})))
}
