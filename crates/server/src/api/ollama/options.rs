//! Fields that chat and generate share: options, format, thinking, how long a model stays.

use super::super::fields::{Fields, Texts};
use super::super::neutral;
use super::super::settings;
use crate::error::ApiError;
use hefu_answer::{Ask, KeepAlive, Spec};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// Options about the machine, which change no bit of an answer here.
const OF_THE_MACHINE: &[&str] = &[
    "num_ctx",
    "num_batch",
    "num_gpu",
    "main_gpu",
    "num_thread",
    "num_keep",
    "numa",
    "low_vram",
    "f16_kv",
    "use_mmap",
    "use_mlock",
    "vocab_only",
    "draft_num_predict",
];

/// Fields common to chat and generate; `stream` is true unless it is said to be false.
///
/// # Errors
/// A value of another type, or an option that would change the answer and is not supported.
pub(super) fn shared(fields: &mut Fields) -> Result<(Ask, bool), ApiError> {
    let is_streaming = fields.take("stream")?.unwrap_or(true);
    let mut ask = Ask { keep_alive: keep_alive(fields)?, ..Ask::default() };
    if let Some(options) = fields.take("options")? {
        self::options(Fields::of(options, "options")?, &mut ask)?;
    }
    ask.format = format(fields)?;
    ask.variables = thinking(fields)?;
    let wants_logprobs = fields.take("logprobs")?.unwrap_or(false);
    let top: Option<u32> = fields.take("top_logprobs")?;
    ask.logprobs = wants_logprobs.then(|| top.unwrap_or(0));
    fields.ignore(&["truncate", "shift"]);
    Ok((ask, is_streaming))
}

/// `options`: settings of sampling by their names here.
fn options(mut options: Fields, ask: &mut Ask) -> Result<(), ApiError> {
    options.ignore(OF_THE_MACHINE);
    neutral::take(&mut options)?;
    options.only("penalize_newline", &[json!(true)])?;
    // -1 is as many as fit, -2 fills the context: the same here.
    ask.max_tokens = settings::max_tokens(&mut options, &["num_predict"])?;
    ask.stops = options.take::<Texts>("stop")?.unwrap_or_default().0;
    ask.sampling = settings::sampling(&mut options)?;
    pass_over(options);
    Ok(())
}

/// Passes over what is left, as Ollama does, and says so in the log.
pub(super) fn pass_over(fields: Fields) {
    let names = fields.pass_over();
    if !names.is_empty() {
        tracing::info!(names = names.join(", "), "parameters of Ollama's API that are not known here were passed over");
    }
}

/// `format`: `json`, or a schema.
fn format(fields: &mut Fields) -> Result<Option<Spec>, ApiError> {
    match fields.take::<Value>("format")? {
        None => Ok(None),
        Some(Value::String(word)) if word.is_empty() => Ok(None),
        Some(Value::String(word)) if word == "json" => Ok(Some(Spec::JsonObject)),
        Some(schema @ Value::Object(_)) => Ok(Some(Spec::JsonSchema(schema))),
        Some(_) => Err(fields.wrong("format", "\"json\" or a JSON schema")),
    }
}

/// `think`: whether the model is to think first, or how hard; for templates that know of it.
fn thinking(fields: &mut Fields) -> Result<Map<String, Value>, ApiError> {
    let mut variables = Map::new();
    match fields.take::<Value>("think")? {
        None => {}
        Some(Value::Bool(think)) => {
            variables.insert("enable_thinking".to_owned(), json!(think));
        }
        Some(Value::String(effort)) => {
            variables.insert("enable_thinking".to_owned(), json!(true));
            variables.insert("reasoning_effort".to_owned(), json!(effort));
        }
        Some(_) => return Err(fields.wrong("think", "true, false or how hard")),
    }
    Ok(variables)
}

/// `keep_alive`: seconds, or a text like `5m`; negative is for ever.
pub(super) fn keep_alive(fields: &mut Fields) -> Result<Option<KeepAlive>, ApiError> {
    let wrong = |fields: &Fields| fields.wrong("keep_alive", "seconds, or a text such as 30s, 5m or 24h");
    let seconds = match fields.take::<Value>("keep_alive")? {
        None => return Ok(None),
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => duration(&text),
        Some(_) => None,
    };
    let seconds = seconds.ok_or_else(|| wrong(fields))?;
    if seconds < 0.0 {
        return Ok(Some(KeepAlive::Forever));
    }
    // More seconds than can be counted are for ever.
    Ok(Some(Duration::try_from_secs_f64(seconds).map_or(KeepAlive::Forever, KeepAlive::For)))
}

/// Seconds of a text such as `1h30m`, `-1`, `1.5s`, `300ms`.
fn duration(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text),
    };
    if let Ok(seconds) = rest.parse::<f64>() {
        return Some(sign * seconds).filter(|seconds| seconds.is_finite());
    }
    let mut sum = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let unit = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        sum += number.parse::<f64>().ok()? * unit;
        rest = after;
    }
    (sum.is_finite() && !text.is_empty()).then_some(sign * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: Value) -> Result<(Ask, bool), ApiError> {
        let mut fields = Fields::parse(value.to_string().as_bytes())?;
        let read = shared(&mut fields)?;
        fields.finish()?;
        Ok(read)
    }

    #[test]
    fn options_become_settings() {
        let (ask, is_streaming) = of(json!({"options": {
            "temperature": 0, "num_ctx": 8192, "num_predict": 7, "repeat_penalty": 1.1, "stop": ["a"], "seed": 3,
            "mirostat": 0, "num_gpu": 1,
        }, "format": "json", "think": false}))
        .unwrap();
        assert!(is_streaming);
        assert_eq!((ask.max_tokens, ask.stops), (Some(7), vec!["a".to_owned()]));
        assert_eq!((ask.sampling.seed, ask.sampling.repetition_penalty), (Some(3), Some(1.1)));
        assert_eq!((ask.format, &ask.variables["enable_thinking"]), (Some(Spec::JsonObject), &json!(false)));
        assert_eq!(of(json!({"options": {"num_predict": -1}, "stream": false})).unwrap().0.max_tokens, None);
    }

    #[test]
    fn what_is_not_known_is_passed_over() {
        let (ask, _) = of(json!({"options": {"whatever": 3, "temperature": 0.5}})).unwrap();
        assert_eq!(ask.sampling.temperature, Some(0.5));
    }

    #[test]
    fn what_would_change_the_answer_is_refused() {
        for (options, param) in [(json!({"mirostat": 2}), "options.mirostat"), (json!({"tfs_z": 0.5}), "options.tfs_z")]
        {
            assert_eq!(of(json!({"options": options})).unwrap_err().param.as_deref(), Some(param));
        }
        assert_eq!(of(json!({"format": "xml"})).unwrap_err().param.as_deref(), Some("format"));
        assert_eq!(of(json!({"keep_alive": "soon"})).unwrap_err().param.as_deref(), Some("keep_alive"));
    }

    #[test]
    fn times_are_read_as_texts_and_numbers() {
        let of = |value: Value| of(json!({"keep_alive": value})).unwrap().0.keep_alive;
        let seconds = |seconds| Some(KeepAlive::For(Duration::from_secs_f64(seconds)));
        assert_eq!(of(json!("5m")), seconds(300.0));
        assert_eq!(of(json!("1h30m")), seconds(5400.0));
        assert_eq!(of(json!("250ms")), seconds(0.25));
        assert_eq!(of(json!(30)), seconds(30.0));
        assert_eq!(of(json!("0")), seconds(0.0));
        assert_eq!(of(json!(-1)), Some(KeepAlive::Forever));
        assert_eq!(of(json!("-1m")), Some(KeepAlive::Forever));
        assert_eq!(of(json!(1e300)), Some(KeepAlive::Forever));
    }
}
