//! `/rerank`, `/v1/rerank`, `/v2/rerank` and `/v1/score`: texts in the order in which they fit another.

use super::fields::{Fields, FromField};
use super::likelihoods;
use super::settings::HARMLESS;
use crate::error::{ApiError, json_response};
use crate::ids;
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::Ask;
use serde_json::{Value, json};
use std::sync::Arc;

/// A text, or an object with one, as the clients of Jina's and Cohere's services send them.
struct Document(String);

impl FromField for Document {
    const EXPECTED: &'static str = "a text, or an object with a text";

    fn from_field(value: Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self(text)),
            Value::Object(mut fields) => match fields.shift_remove("text") {
                Some(Value::String(text)) => Some(Self(text)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// One or several of them.
struct Documents(Vec<String>);

impl FromField for Documents {
    const EXPECTED: &'static str = "an array of texts or of objects with a text";

    fn from_field(value: Value) -> Option<Self> {
        let Value::Array(values) = value else { return None };
        let texts: Option<Vec<String>> =
            values.into_iter().map(|value| Document::from_field(value).map(|document| document.0)).collect();
        texts.filter(|texts| !texts.is_empty()).map(Self)
    }
}

/// The documents, those that fit the query best first.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub(super) async fn rerank(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model: Option<String> = fields.take("model")?;
    let query: Document = fields.need("query")?;
    // The second name is the one that text-embeddings-inference has for them.
    let documents = match fields.take_any::<Documents>(&["documents", "texts"])? {
        Some(documents) => documents,
        None => fields.need("documents")?,
    };
    let most: Option<usize> = fields.take_any(&["top_n", "top_k"])?;
    let with_documents = fields.take("return_documents")?.unwrap_or(false);
    fields.ignore(HARMLESS);
    let raw = fields.take("raw_scores")?.unwrap_or(false);
    fields.ignore(&["max_chunks_per_doc", "max_tokens_per_doc", "rank_fields", "truncate", "priority"]);
    fields.finish()?;
    let pairs = documents.0.iter().map(|document| (query.0.clone(), document.clone())).collect();
    let ranked = service.rank(&caller, &Ask { model, ..Ask::default() }, pairs, raw).await?;
    let mut order: Vec<(usize, f64)> = ranked.scores.iter().copied().enumerate().collect();
    order.sort_by(|(_, one), (_, other)| other.total_cmp(one));
    order.truncate(most.unwrap_or(usize::MAX));
    let results = order.into_iter().map(|(index, score)| {
        let mut result = json!({"index": index, "relevance_score": score});
        if with_documents {
            result["document"] = json!({"text": documents.0.get(index)});
        }
        result
    });
    let id = ids::uuid().map_err(|error| ApiError::internal(error.to_string()))?;
    let body = json!({
        "id": id,
        "object": "list",
        "model": ranked.model,
        "results": results.collect::<Vec<Value>>(),
        "usage": {"prompt_tokens": ranked.tokens, "total_tokens": ranked.tokens},
        "meta": {"tokens": {"input_tokens": ranked.tokens}},
    });
    Ok(json_response(StatusCode::OK, &body))
}

/// A score for each pair: of one text with each of several, or of texts in the same places of two lists. With `items`, how
/// likely continuations are after their contexts.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub(super) async fn score(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    if let Some(items) = fields.take::<Vec<Value>>("items")? {
        return likelihoods::score(&service, &caller, items, fields).await;
    }
    let model: Option<String> = fields.take("model")?;
    let first = texts(&mut fields, "text_1")?;
    let second = texts(&mut fields, "text_2")?;
    fields.ignore(HARMLESS);
    fields.finish()?;
    let pairs = pairs(first, second)?;
    let ranked = service.rank(&caller, &Ask { model, ..Ask::default() }, pairs, false).await?;
    let data = ranked.scores.iter().enumerate();
    let data = data.map(|(index, score)| json!({"index": index, "object": "score", "score": score}));
    let body = json!({
        "id": ids::uuid().map_err(|error| ApiError::internal(error.to_string()))?,
        "object": "list",
        "created": ids::unix_seconds(),
        "model": ranked.model,
        "data": data.collect::<Vec<Value>>(),
        "usage": {"prompt_tokens": ranked.tokens, "total_tokens": ranked.tokens},
    });
    Ok(json_response(StatusCode::OK, &body))
}

fn texts(fields: &mut Fields, name: &str) -> Result<Vec<String>, ApiError> {
    let texts: super::fields::Texts = fields.need(name)?;
    if texts.0.is_empty() { Err(fields.wrong(name, "a text or an array of at least one")) } else { Ok(texts.0) }
}

fn pairs(first: Vec<String>, second: Vec<String>) -> Result<Vec<(String, String)>, ApiError> {
    match (first.as_slice(), second.len()) {
        (_, count) if first.len() == count => Ok(first.into_iter().zip(second).collect()),
        ([one], _) => Ok(second.into_iter().map(|other| (one.clone(), other)).collect()),
        (_, 1) => {
            let other = second.into_iter().next().unwrap_or_default();
            Ok(first.into_iter().map(|one| (one, other.clone())).collect())
        }
        (_, count) => {
            let sentence = format!("text_1 has {} texts and text_2 {count}; give as many, or one", first.len());
            Err(ApiError::parameter("text_2", sentence))
        }
    }
}

/// The body of a request to rank documents.
pub(super) fn rerank_schema() -> Value {
    let text = json!({"anyOf": [
        {"type": "string"},
        {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}},
    ]});
    json!({
        "type": "object",
        "required": ["query"],
        "properties": {
            "model": {"type": ["string", "null"]},
            "query": text,
            "documents": {"type": ["array", "null"], "items": text, "minItems": 1},
            "texts": {"type": ["array", "null"], "items": text, "minItems": 1},
            "top_n": {"type": ["integer", "null"], "description": "How many of the best are given"},
            "return_documents": {"type": ["boolean", "null"]},
            "raw_scores": {"type": ["boolean", "null"], "description": "A classifier's score as it is, not from 0 to 1"},
        },
    })
}

/// The body of a request for scores.
pub(super) fn score_schema() -> Value {
    let texts = json!({"type": ["string", "array"], "items": {"type": "string"}});
    let model = json!({"type": ["string", "null"]});
    let one = json!({"type": ["string", "array"], "description": "a text, or ids"});
    let items = json!({"type": "array", "items": {
        "type": "object",
        "required": ["context", "continuations"],
        "properties": {"context": one, "continuations": {"type": "array", "items": one}},
    }});
    json!({"type": "object", "anyOf": [
        {"required": ["text_1", "text_2"], "properties": {"model": model, "text_1": texts, "text_2": texts}},
        {"required": ["items"], "properties": {"model": model, "items": items}},
    ]})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_paired_by_place_or_one_with_all() {
        let texts = |texts: &[&str]| texts.iter().map(|text| text.to_string()).collect::<Vec<_>>();
        let of = |first: &[&str], second: &[&str]| pairs(texts(first), texts(second));
        let pair = |one: &str, other: &str| (one.to_owned(), other.to_owned());
        assert_eq!(of(&["a"], &["b"]).unwrap(), [pair("a", "b")]);
        assert_eq!(of(&["a"], &["b", "c"]).unwrap(), [pair("a", "b"), pair("a", "c")]);
        assert_eq!(of(&["a", "b"], &["c"]).unwrap(), [pair("a", "c"), pair("b", "c")]);
        assert_eq!(of(&["a", "b"], &["c", "d"]).unwrap(), [pair("a", "c"), pair("b", "d")]);
        assert_eq!(of(&["a", "b"], &["c", "d", "e"]).unwrap_err().param.as_deref(), Some("text_2"));
    }

    #[test]
    fn documents_are_texts_or_hold_one() {
        let of = |value: Value| Documents::from_field(value).map(|documents| documents.0);
        assert_eq!(of(json!(["a", {"text": "b", "title": "c"}])), Some(vec!["a".to_owned(), "b".to_owned()]));
        for wrong in [json!([]), json!("a"), json!([1]), json!([{"title": "c"}])] {
            assert_eq!(of(wrong), None);
        }
    }
}
