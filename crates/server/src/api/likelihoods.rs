//! Log-likelihoods of texts: `/v1/score` with contexts and continuations, and LMDeploy's `/get_ppl` and `/v1/encode`, which
//! OpenCompass asks.

use super::fields::Fields;
use super::openai::completions::prompts;
use super::settings::HARMLESS;
use crate::echo::Echo;
use crate::error::{ApiError, json_response};
use crate::ids;
use crate::likelihoods::{Continuation, Item};
use crate::limits::check_counted;
use crate::registry::Lease;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::{Ask, Prompt};
use hefu_text::tokenizer::Special;
use serde_json::{Value, json};
use std::sync::Arc;

/// The likelihood of each continuation: `items` is an array of objects with `context` and `continuations`.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub(super) async fn score(
    service: &Arc<Service>,
    caller: &Caller,
    items: Vec<Value>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let priority = fields.take("priority")?.unwrap_or(0);
    fields.ignore(HARMLESS);
    fields.finish()?;
    if items.is_empty() {
        return Err(ApiError::parameter("items", "items is empty; give at least one context with its continuations"));
    }
    let items = items.into_iter().enumerate().map(item).collect::<Result<_, _>>()?;
    let ask = Ask { model, priority, ..Ask::default() };
    let scored = service.continuations(caller, ask, items).await?;
    let data = scored.items.iter().enumerate().map(|(index, continuations)| {
        let continuations: Vec<Value> = continuations.iter().enumerate().map(continuation).collect();
        json!({"index": index, "object": "likelihoods", "continuations": continuations})
    });
    let body = json!({
        "id": ids::uuid().map_err(|error| ApiError::internal(error.to_string()))?,
        "object": "list",
        "created": ids::unix_seconds(),
        "model": scored.model,
        "system_fingerprint": scored.fingerprint,
        "data": data.collect::<Vec<Value>>(),
        "usage": {"prompt_tokens": scored.tokens, "total_tokens": scored.tokens},
    });
    Ok(json_response(StatusCode::OK, &body))
}

fn item((number, value): (usize, Value)) -> Result<Item, ApiError> {
    let place = format!("items[{number}]");
    let mut fields = Fields::of(value, &place)?;
    let context = match prompts(fields.need("context")?, "context")?.as_slice() {
        [one] => one.clone(),
        _ => return Err(ApiError::parameter(&place, format!("{place}.context must be one text or one array of ids"))),
    };
    let continuations: Value = fields.need("continuations")?;
    let continuations = prompts(continuations, "continuations")?;
    fields.finish()?;
    Ok(Item { context, continuations })
}

fn continuation((index, own): (usize, &Continuation)) -> Value {
    json!({
        "index": index,
        "logprob": own.logprob(),
        "is_greedy": own.is_greedy,
        "token_ids": own.ids,
        "token_logprobs": own.logprobs,
    })
}

/// The mean cross-entropy of a text's tokens after the first, in nats, which LMDeploy calls `ppl`; of several texts an array.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub(super) async fn get_ppl(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let input: Value = fields.need("input")?;
    fields.ignore(HARMLESS);
    fields.finish()?;
    let is_one = match &input {
        Value::Array(values) => values.first().is_some_and(Value::is_number),
        _ => true,
    };
    let asks: Vec<Ask> = prompts(input, "input")?
        .into_iter()
        .map(|prompt| Ask { model: model.clone(), prompt, logprobs: Some(0), ..Ask::default() })
        .collect();
    let (lease, echoes) = service.echoes(&caller, asks).await?;
    let entropies = echoes.iter().map(entropy).collect::<Result<Vec<f64>, _>>()?;
    let ppl = if is_one { json!(entropies.first()) } else { json!(entropies) };
    let tokens: usize = echoes.iter().map(|echo| echo.length).sum();
    let body = json!({
        "id": ids::uuid().map_err(|error| ApiError::internal(error.to_string()))?,
        "object": "ppl",
        "created": ids::unix_seconds(),
        "model": lease.worker.text.name,
        "system_fingerprint": lease.worker.fingerprint,
        "ppl": ppl,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    });
    Ok(json_response(StatusCode::OK, &body))
}

fn entropy(echo: &Echo) -> Result<f64, ApiError> {
    let scored = echo.tokens.iter().flatten().filter_map(|token| token.scored.as_ref());
    let (count, sum) = scored.fold((0_u32, 0.0), |(count, sum), (logprob, _)| (count + 1, sum - f64::from(*logprob)));
    if count == 0 {
        return Err(ApiError::parameter("input", "input has a single token, before which there is nothing to tell by"));
    }
    Ok(sum / f64::from(count))
}

/// The tokens of texts in LMDeploy's shape.
///
/// # Errors
/// Whatever is wrong with the request.
pub(super) async fn encode(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let input: Value = fields.need("input")?;
    let add_bos = fields.take("add_bos")?.unwrap_or(true);
    fields.only("do_preprocess", &[json!(false)])?;
    fields.finish()?;
    let is_one = input.is_string();
    let texts = match prompts(input, "input")?.into_iter().map(text).collect::<Option<Vec<_>>>() {
        Some(texts) => texts,
        None => return Err(ApiError::parameter("input", "input must be a text or an array of texts")),
    };
    let lease = service.lease(caller.client, &Ask { model, ..Ask::default() }).await?;
    let work = move |lease: &Lease, _: &_, _: &_| {
        let tokenizer = &lease.worker.text.tokenizer;
        let mut all = Vec::with_capacity(texts.len());
        for text in &texts {
            check_counted(text)?;
            let encode = if add_bos {
                tokenizer.encode_prompt(text, Special::Parse)
            } else {
                tokenizer.encode(text, Special::Parse)
            };
            all.push(encode);
        }
        Ok(all)
    };
    let ids = service.text_work(caller.client, lease, work).await?.1;
    let lengths: Vec<usize> = ids.iter().map(Vec::len).collect();
    let body = match (is_one, ids.first()) {
        (true, Some(first)) => json!({"input_ids": first, "length": first.len()}),
        _ => json!({"input_ids": ids, "length": lengths}),
    };
    Ok(json_response(StatusCode::OK, &body))
}

fn text(prompt: Prompt) -> Option<String> {
    match prompt {
        Prompt::Text(text) => Some(text),
        _ => None,
    }
}

/// The body of a request for the mean cross-entropy of texts.
pub(super) fn ppl_schema() -> Value {
    let input = json!({"description": "a text, an array of texts, ids, or an array of arrays of ids"});
    json!({"type": "object", "required": ["input"], "properties": {"model": {"type": "string"}, "input": input}})
}

/// The body of a request for the tokens of texts.
pub(super) fn encode_schema() -> Value {
    let texts = json!({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]});
    json!({"type": "object", "required": ["input"], "properties": {
        "model": {"type": "string"}, "input": texts, "add_bos": {"type": "boolean"}, "do_preprocess": {"const": false},
    }})
}
