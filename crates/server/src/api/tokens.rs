//! `/tokenize`, `/detokenize` and `/tokenizer_info`, with the names of llama.cpp and vLLM.

use super::fields::Fields;
use super::openai::{messages, tools};
use crate::error::{ApiError, json_response};
use crate::limits::check_counted;
use crate::registry::Lease;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hefu_answer::{Ask, Prompt};
use hefu_text::tokenizer::{Special, Tokenizer};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;

/// Number of tokens in one piece: an answer about millions of them is never in memory as a whole.
const TOKENS_AT_ONCE: usize = 8192;

/// The tokens of a text (`content`), or of a conversation (`messages`) as the model's template writes it.
///
/// # Errors
/// Whatever is wrong with the request.
pub async fn tokenize(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let content: Option<String> = fields.take("content")?;
    let prompt: Option<String> = fields.take("prompt")?;
    let conversation: Option<Vec<Value>> = fields.take("messages")?;
    // The one who calls a text a prompt takes the tokens around it for granted.
    let add_special = fields.take_any(&["add_special", "add_special_tokens"])?.unwrap_or(prompt.is_some());
    let parse_special = fields.take("parse_special")?.unwrap_or(true);
    let with_pieces = fields.take("with_pieces")?.unwrap_or(false);
    fields.only("return_token_strs", &[json!(false)])?;
    fields.only("add_generation_prompt", &[json!(true)])?;
    let tools = tools(&mut fields)?;
    fields.finish()?;
    let ask = match (content.or(prompt), conversation) {
        (Some(text), None) => Ask { model, prompt: Prompt::Text(text), ..Ask::default() },
        (None, Some(values)) => Ask { model, prompt: Prompt::Messages(messages(values)?), tools, ..Ask::default() },
        _ => return Err(ApiError::invalid("give either content, a text, or messages, a conversation")),
    };
    let lease = service.lease(caller.client, &ask).await?;
    let (tokenizer, context) = (Arc::clone(&lease.worker.text.tokenizer), lease.worker.text.context);
    let ids = match ask.prompt {
        Prompt::Text(text) => {
            let special = if parse_special { Special::Parse } else { Special::Plain };
            let work = move |lease: &Lease, _: &_, _: &_| {
                check_counted(&text)?;
                let tokenizer = &lease.worker.text.tokenizer;
                Ok(if add_special { tokenizer.encode_prompt(&text, special) } else { tokenizer.encode(&text, special) })
            };
            service.text_work(caller.client, lease, work).await?.1
        }
        _ => service.prompt_ids(caller.client, ask).await?,
    };
    Ok(tokens_response(ids, tokenizer, with_pieces, context))
}

/// Tokens with their count, piece by piece.
fn tokens_response(ids: Vec<u32>, tokenizer: Arc<Tokenizer>, with_pieces: bool, context: usize) -> Response {
    let (count, mut from) = (ids.len(), 0);
    let parts = std::iter::from_fn(move || {
        if from > count {
            return None;
        }
        let mut out = String::with_capacity(TOKENS_AT_ONCE * 8);
        if from == 0 {
            out.push_str("{\"tokens\":[");
        }
        for (at, id) in ids.iter().enumerate().skip(from).take(TOKENS_AT_ONCE) {
            if at > 0 {
                out.push(',');
            }
            write_token(*id, with_pieces.then_some(&*tokenizer), &mut out);
        }
        from = from.saturating_add(TOKENS_AT_ONCE);
        if from >= count {
            from = count + 1;
            // Writing to a text never fails.
            let _ = write!(out, "],\"count\":{count},\"max_model_len\":{context}}}");
        }
        Some(Ok::<_, Infallible>(Bytes::from(out)))
    });
    ([(CONTENT_TYPE, "application/json")], Body::from_stream(stream::iter(parts))).into_response()
}

/// A token's number, or with a tokeniser an object of the number and its bytes: as a text where they are one.
fn write_token(id: u32, tokenizer: Option<&Tokenizer>, out: &mut String) {
    let _ = match tokenizer.map(|tokenizer| tokenizer.token_bytes(id, true)) {
        None => write!(out, "{id}"),
        Some(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => write!(out, "{{\"id\":{id},\"piece\":{}}}", Value::from(text)),
            Err(_) => write!(out, "{{\"id\":{id},\"piece\":{bytes:?}}}"),
        },
    };
}

/// The text of tokens.
///
/// # Errors
/// Whatever is wrong with the request.
pub async fn detokenize(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let ids: Vec<u32> = fields.need("tokens")?;
    fields.finish()?;
    let lease = service.lease(caller.client, &Ask { model, ..Ask::default() }).await?;
    let work = move |lease: &Lease, limits: &crate::limits::Limits, _: &_| text_of(&ids, lease, limits.body_bytes);
    let (_, text) = service.text_work(caller.client, lease, work).await?;
    // The two names for it.
    Ok(json_response(StatusCode::OK, &json!({"content": text, "prompt": text})))
}

fn text_of(ids: &[u32], lease: &Lease, most: usize) -> Result<String, ApiError> {
    let tokenizer = &lease.worker.text.tokenizer;
    if let Some(id) = ids.iter().find(|id| **id as usize >= tokenizer.size()) {
        let sentence = format!("tokens names token {id}, but the vocabulary has only {}", tokenizer.size());
        return Err(ApiError::parameter("tokens", sentence));
    }
    let length: usize = ids.iter().map(|id| tokenizer.token_bytes(*id, true).len()).sum();
    if length > most {
        let sentence = format!("the text has {length} bytes, but at most {most} are answered (--max-body-bytes)");
        return Err(ApiError::parameter("tokens", sentence));
    }
    let bytes: Vec<u8> = ids.iter().flat_map(|id| tokenizer.token_bytes(*id, true)).copied().collect();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The first model's tokeniser, for programs that bring none of their own.
///
/// # Errors
/// A model that cannot be had.
pub async fn tokenizer_info(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    let lease = service.lease(caller.client, &Ask::default()).await?;
    let text = &lease.worker.text;
    let vocabulary = text.tokenizer.vocabulary();
    let name = |id: Option<u32>| {
        let bytes = id.map(|id| text.tokenizer.token_bytes(id, true));
        bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let template = Some(text.template_source()).filter(|source| !source.is_empty());
    let body = json!({
        "tokenizer_class": "HefuTokenizer",
        "model": text.name,
        "vocab_size": text.tokenizer.size(),
        "bos_token": name(vocabulary.bos),
        "eos_token": name(vocabulary.eos),
        "pad_token": name(vocabulary.eos),
        "unk_token": name(vocabulary.unknown),
        "add_bos_token": vocabulary.add_bos,
        "add_eos_token": vocabulary.add_eos,
        "chat_template": template,
        "model_max_length": text.context,
    });
    Ok(json_response(StatusCode::OK, &body))
}
