//! `/completion` and `/infill`, with the names of llama.cpp.

use super::answered;
use super::fields::Fields;
use super::openai::{completions::prompts, output, response_format, shared, streaming};
use super::sse::{self, Events, data};
use crate::answer::Piece;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::Gap;
use hefu_answer::{Ask, Prompt};
use hefu_answer::{Choice, Delta, Finish, Summary};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Fields of editors about filling a gap: how far the line is indented, how long it may take, which fields they read,
/// and the order of samplers. No answer here depends on time, and all fields are answered.
const OF_EDITORS: &[&str] = &["n_indent", "t_max_predict_ms", "t_max_prompt_ms", "response_fields", "samplers"];
/// Most other files of a request.
const MAX_FILES: usize = 1024;

/// Continues a text.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn completion(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let prompts = prompts(fields.need("prompt")?, "prompt")?;
    let [prompt] = <[Prompt; 1]>::try_from(prompts).map_err(|_| {
        ApiError::parameter("prompt", "prompt must be one text or the ids of one; ask for each by itself")
    })?;
    respond(&service, &caller, fields, prompt).await
}

/// Fills a gap.
///
/// # Errors
/// As [`completion`].
pub async fn infill(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let files: Vec<Value> = fields.take("input_extra")?.unwrap_or_default();
    if files.len() > MAX_FILES {
        let sentence = format!("input_extra has {} entries, but at most {MAX_FILES} are taken", files.len());
        return Err(ApiError::parameter("input_extra", sentence));
    }
    let file = |(at, value)| {
        let mut entry = Fields::of(value, &format!("input_extra[{at}]"))?;
        Ok((entry.take("filename")?.unwrap_or_default(), entry.need("text")?))
    };
    let gap = Gap {
        prefix: fields.take("input_prefix")?.unwrap_or_default(),
        suffix: fields.take("input_suffix")?.unwrap_or_default(),
        start: fields.take("prompt")?.unwrap_or_default(),
        files: files.into_iter().enumerate().map(file).collect::<Result<_, ApiError>>()?,
    };
    fields.ignore(OF_EDITORS);
    respond(&service, &caller, fields, Prompt::Gap(gap)).await
}

async fn respond(
    service: &Arc<Service>,
    caller: &Caller,
    mut fields: Fields,
    prompt: Prompt,
) -> Result<Response, ApiError> {
    let streaming = streaming(&mut fields)?;
    // Editors ask for nothing to have a prompt read before they need its answer.
    let is_empty = fields.clone().take::<i64>("n_predict")? == Some(0);
    if is_empty {
        fields.ignore(&["n_predict"]);
    }
    let ask = shared(&mut fields)?;
    let ask = Ask { prompt, format: response_format(&mut fields)?, ..ask };
    fields.finish()?;
    let ask = if is_empty { Ask { max_tokens: Some(1), ..ask } } else { ask };
    let mut answer = service.answer(caller, ask).await?;
    let mut last = Last { model: answer.model.clone(), labels: answer.labels.clone(), is_empty, ..Last::default() };
    if streaming.is_wanted {
        let frame = answer.without_pieces();
        return Ok(answered(&frame, sse::stream_of(vec![answer], last)));
    }
    let (choices, summary) = answer.collect().await?;
    last.labels = answer.labels.clone();
    last.choice = choices.into_iter().next().unwrap_or_default();
    let text = last.choice.text.clone();
    Ok(answered(&answer, json_response(StatusCode::OK, &last.whole(&text, &summary))))
}

/// Content of the last object.
#[derive(Default)]
struct Last {
    model: String,
    labels: Map<String, Value>,
    /// True if nothing but the prompt was asked for.
    is_empty: bool,
    choice: Choice,
}

impl Last {
    fn whole(&self, text: &str, summary: &Summary) -> Value {
        let (kind, word) = match &self.choice.finish {
            Some(Finish::Length) => ("limit", ""),
            Some(Finish::StopString(word)) => ("word", word.as_str()),
            _ => ("eos", ""),
        };
        let mut whole = json!({
            "index": 0,
            "content": if self.is_empty { "" } else { text },
            "tokens": [],
            "id_slot": 0,
            "stop": true,
            "model": self.model,
            "tokens_predicted": summary.completion_tokens,
            "tokens_evaluated": summary.prompt_tokens,
            "tokens_cached": summary.cached_tokens,
            "has_new_line": self.choice.text.contains('\n'),
            "truncated": false,
            "stop_type": kind,
            "stopping_word": word,
            "timings": output::timings(summary),
        });
        if let Some(whole) = whole.as_object_mut() {
            whole.extend(self.labels.clone());
        }
        whole
    }
}

impl Events for Last {
    fn begin(&mut self, _: &mut String) {}

    fn piece(&mut self, piece: Piece, out: &mut String) {
        match piece {
            Piece::Delta { choice, delta } => {
                if let Delta::Text(text) = &delta
                    && !self.is_empty
                {
                    data(&json!({"index": choice, "content": text, "tokens": [], "stop": false, "id_slot": 0}), out);
                }
                self.choice.push(delta);
            }
            Piece::Labels(labels) => self.labels = labels,
            Piece::Done(summary) => data(&self.whole("", &summary), out),
            Piece::Failed(error) => data(&error.openai(), out),
        }
    }
}

/// An object with these properties and those that every completion has.
fn completing(own: Value, required: &[&str]) -> Value {
    super::openapi::answering(own, required)
}

/// The body of `/completion`.
pub(super) fn completion_schema() -> Value {
    completing(json!({"prompt": {"type": ["string", "array"], "description": "A text, or token ids"}}), &["prompt"])
}

/// The body of `/infill`.
pub(super) fn infill_schema() -> Value {
    let mut own = json!({
        "input_prefix": {"type": ["string", "null"], "description": "What stands before the gap"},
        "input_suffix": {"type": ["string", "null"], "description": "What stands after it"},
        "prompt": {"type": ["string", "null"], "description": "How what fills it begins"},
        "input_extra": {"type": ["array", "null"], "items": {"type": "object", "required": ["text"]},
            "description": "Other files: filename and text"},
    });
    for name in OF_EDITORS {
        own[name] = json!({"description": "Accepted; changes nothing"});
    }
    completing(own, &[])
}

/// The body of `/v1/fim/completions`.
pub(super) fn fim_schema() -> Value {
    let own = json!({
        "prompt": {"type": "string", "description": "What stands before the gap"},
        "suffix": {"type": ["string", "null"], "description": "What stands after it"},
    });
    completing(own, &["prompt"])
}
