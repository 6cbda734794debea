//! `/v1/trace`: values of the model's program on the way to an answer, and why each token was chosen.

use super::fields::Fields;
use super::openai::chat;
use super::openai::completions::prompts;
use super::openai::{output, shared};
use super::{answered_by, built, openapi};
use crate::error::{ApiError, json_response};
use crate::ids;
use crate::limits::{MAX_TOLD_CANDIDATES, MAX_TRACED_JSON, MAX_TRACED_NUMBERS};
use crate::service::{Caller, Service};
use crate::traces::{TraceAsk, Traced};
use axum::Extension;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use hefu_answer::{Ask, edits, findings_fields, operations_json, products_json, safetensors, visible_json};
use hefu_engine::inspect::{Ranges, Wanted, Wish};
use serde_json::{Value, json};
use std::sync::{Arc, PoisonError};

/// Number of tokens told of each clause unless a request says otherwise.
const CANDIDATES: usize = 5;
/// Most names in one request.
const MAX_WISHES: usize = 64;

/// Format of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Safetensors,
}

impl Form {
    /// Most numbers that are written so. They are counted before anything is computed.
    fn most_numbers(self) -> usize {
        match self {
            Self::Json => MAX_TRACED_JSON,
            Self::Safetensors => MAX_TRACED_NUMBERS,
        }
    }
}

/// Values of the first model that can be seen.
///
/// # Errors
/// A model that cannot be had.
pub(super) async fn visible(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    list(&service, &caller, None).await
}

/// Values of a model that can be seen.
///
/// # Errors
/// A model that cannot be had.
pub(super) async fn visible_of(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Result<Response, ApiError> {
    list(&service, &caller, Some(name)).await
}

async fn list(service: &Arc<Service>, caller: &Caller, model: Option<String>) -> Result<Response, ApiError> {
    let ask = Ask { model, ..Ask::default() };
    let lease = service.lease(caller.client, &ask).await?;
    let mut body = json!({
        "object": "list",
        "model": lease.worker.text.name,
        "system_fingerprint": lease.worker.fingerprint,
        "data": visible_json(&lease.worker.visible),
        "operations": operations_json(&lease.worker.operations),
        "products": products_json(&lease.worker.products),
    });
    // Where nothing can be measured there is no field, so that nobody is offered it.
    if lease.worker.gauge.is_some() {
        body["measured"] = json!(*lease.worker.measured.lock().unwrap_or_else(PoisonError::into_inner));
    }
    Ok(json_response(StatusCode::OK, &body))
}

/// Looks at an answer.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    fields: Fields,
) -> Result<Response, ApiError> {
    let (asked, form) = read(fields)?;
    let traced = service.trace(&caller, asked, form.most_numbers()).await?;
    let fingerprint = traced.fingerprint.clone();
    let id = traced.made.as_ref().map(|(id, _)| id.clone());
    let response = built(move || written(&traced, form)).await?;
    Ok(answered_by(&fingerprint, id.as_deref(), response))
}

fn written(traced: &Traced, form: Form) -> Response {
    let Traced { made, parameters, findings, fingerprint, lease, .. } = traced;
    if form == Form::Safetensors {
        return match safetensors(findings) {
            Ok(bytes) => ([(CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
            Err(error) => ApiError::internal(error.to_string()).into_response(),
        };
    }
    let mut body = json!({
        "id": made.as_ref().map(|(id, _)| id),
        "object": "trace",
        "created": ids::unix_seconds(),
        "model": lease.worker.text.name,
        "system_fingerprint": fingerprint,
        // 64 bits are text, as many readers of JSON keep 53.
        "seed": parameters.seed.to_string(),
        "parameters": parameters,
        "timings": made.as_ref().map(|(_, summary)| output::timings(summary)),
    });
    if let Some(body) = body.as_object_mut() {
        body.extend(findings_fields(findings, &lease.worker.text.tokenizer, true));
    }
    json_response(StatusCode::OK, &body)
}

/// A request's body as what is asked.
fn read(mut fields: Fields) -> Result<(TraceAsk, Form), ApiError> {
    let answer = fields.take("answer")?;
    let candidates: usize = fields.take("candidates")?.unwrap_or(CANDIDATES);
    if candidates > MAX_TOLD_CANDIDATES {
        return Err(fields.wrong("candidates", &format!("a whole number up to {MAX_TOLD_CANDIDATES}")));
    }
    let steps = ranges(&mut fields, "steps")?;
    let form = match fields.take::<String>("format")?.as_deref() {
        None | Some("json") => Form::Json,
        Some("safetensors") => Form::Safetensors,
        Some(_) => return Err(fields.wrong("format", "json or safetensors")),
    };
    let values: Vec<Value> = fields.take("values")?.unwrap_or_default();
    if values.len() > MAX_WISHES {
        return Err(fields.wrong("values", &format!("an array of at most {MAX_WISHES} objects")));
    }
    let values = values.into_iter().enumerate().map(wish).collect::<Result<_, _>>()?;
    let wanted = Wanted { values, candidates, steps };
    let edits = fields.take::<Value>("edits")?.map_or_else(|| Ok(Vec::new()), edits);
    let edits = edits.map_err(|sentence| ApiError::parameter("edits", sentence))?;
    if fields.has("messages") && fields.has("prompt") {
        return Err(fields.wrong("prompt", "left out where there are messages, or given without them"));
    }
    if fields.has("messages") {
        return Ok((TraceAsk { ask: chat::whole_ask(fields)?, answer, wanted, edits }, form));
    }
    let prompt: Value = fields.need("prompt")?;
    let prompt = match <[_; 1]>::try_from(prompts(prompt, "prompt")?) {
        Ok([prompt]) => prompt,
        Err(_) => return Err(fields.wrong("prompt", "one text or one array of token ids")),
    };
    let ask = Ask { prompt, ..shared(&mut fields)? };
    fields.finish()?;
    Ok((TraceAsk { ask, answer, wanted, edits }, form))
}

fn wish((number, value): (usize, Value)) -> Result<Wish, ApiError> {
    let mut fields = Fields::of(value, &format!("values[{number}]"))?;
    let wish = Wish {
        name: fields.need("name")?,
        layers: ranges(&mut fields, "layers")?,
        heads: ranges(&mut fields, "heads")?,
        positions: ranges(&mut fields, "positions")?,
        best: fields.take("best")?,
    };
    fields.finish()?;
    Ok(wish)
}

/// Numbers as an array, or with ranges as a text: `"0,4-6"`.
fn ranges(fields: &mut Fields, name: &str) -> Result<Option<Ranges>, ApiError> {
    match fields.take::<Value>(name)? {
        None => Ok(None),
        Some(Value::String(text)) => match text.parse() {
            Ok(ranges) => Ok(Some(ranges)),
            Err(sentence) => Err(ApiError::parameter(name, format!("{name}: {sentence}"))),
        },
        Some(Value::Array(numbers)) => {
            let number = |number: &Value| number.as_u64().and_then(|number| usize::try_from(number).ok());
            let numbers = numbers.iter().map(number).collect::<Option<Vec<_>>>();
            let numbers = numbers.ok_or_else(|| fields.wrong(name, "whole numbers, or a text such as 0,4-6"))?;
            Ok(Some(Ranges::of(numbers)))
        }
        Some(_) => Err(fields.wrong(name, "an array of whole numbers, or a text such as 0,4-6")),
    }
}

/// The body of a request.
pub(super) fn schema() -> Value {
    let ranges =
        |text: &str| json!({"type": ["array", "string", "null"], "items": {"type": "integer"}, "description": text});
    let wish = json!({
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "A name that GET /v1/trace tells"},
            "layers": ranges("Of which layers, counted from 0; of all that have it by default"),
            "heads": ranges("Of which heads, counted from 0; whole rows by default"),
            "positions": ranges("At which positions, counted from 0; at all by default"),
            "best": {"type": ["integer", "null"], "minimum": 0,
                "description": "Of logits and lens, so many of the likeliest tokens in place of the numbers"},
        },
        "additionalProperties": false,
    });
    let own = json!({
        "messages": {"type": ["array", "null"], "description": "A conversation, as for /v1/chat/completions"},
        "prompt": {"type": ["string", "array", "null"], "description": "In its place, a text or token ids to be continued"},
        "answer": {"type": ["array", "null"], "items": {"type": "integer"},
            "description": "The tokens of an answer that was given before; without it, the model answers"},
        "values": {"type": ["array", "null"], "items": wish, "description": "What is to be seen"},
        "edits": {"type": ["array", "null"], "items": {"type": "object"},
            "description": "What is changed on the way: objects with off, add or put and the name of a value, and if wanted layers, heads, positions and numbers"},
        "candidates": {"type": ["integer", "null"], "minimum": 0,
            "description": "How many tokens are told of each clause of sampling, 5 by default; 0 for none of it"},
        "steps": ranges("Which positions are explained; all of the answer by default"),
        "format": {"enum": ["json", "safetensors", null], "description": "How the answer is written"},
    });
    openapi::answering_whole(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: Value) -> Result<(TraceAsk, Form), ApiError> {
        read(Fields::parse(value.to_string().as_bytes())?)
    }

    #[test]
    fn a_request_is_read() {
        let (asked, form) = of(json!({
            "prompt": [1, 2], "answer": [3], "seed": 7, "candidates": 2, "steps": [2], "format": "safetensors",
            "values": [{"name": "queries", "layers": "0,4-6", "heads": [1], "best": null}],
        }))
        .unwrap();
        let Wish { name, layers, heads, positions, best } = &asked.wanted.values[0];
        assert_eq!((&name[..], positions, best, form), ("queries", &None, &None, Form::Safetensors));
        assert!(Ranges::has(layers, 5) && !Ranges::has(layers, 3) && Ranges::has(heads, 1) && !Ranges::has(heads, 0));
        assert_eq!((asked.answer, asked.ask.sampling.seed), (Some(vec![3]), Some(7)));
        let (asked, form) = of(json!({"messages": [{"role": "user", "content": "hi"}], "temperature": 0})).unwrap();
        assert_eq!((asked.wanted.candidates, asked.answer, form), (CANDIDATES, None, Form::Json));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (body, name) in [
            (json!({}), "prompt"),
            (json!({"prompt": ["a", "b"]}), "prompt"),
            (json!({"prompt": "a", "messages": [{"role": "user", "content": "hi"}]}), "prompt"),
            (json!({"prompt": "a", "format": "csv"}), "format"),
            (json!({"prompt": "a", "values": [{"layers": [1]}]}), "values[0].name"),
            (json!({"prompt": "a", "values": [{"name": "x", "head": 1}]}), "values[0].head"),
            (json!({"prompt": "a", "steps": "3-1"}), "steps"),
            (json!({"prompt": "a", "steps": [-1]}), "steps"),
            (json!({"prompt": "a", "candidates": 1_000_000}), "candidates"),
            (json!({"prompt": "a", "edits": [{"off": 1}]}), "edits"),
            (json!({"prompt": "a", "edits": {}}), "edits"),
            (json!({"prompt": "a", "stream": true}), "stream"),
            (json!({"messages": [{"role": "user", "content": "hi"}], "stream": true}), "stream"),
        ] {
            assert_eq!(of(body.clone()).unwrap_err().param.as_deref(), Some(name), "{body}");
        }
    }
}
