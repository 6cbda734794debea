//! Parameters of other servers at values that change nothing. Clients send them to every server; any other value would
//! change the answer, and is refused by name.

use super::fields::Fields;
use crate::error::ApiError;
use serde_json::{Map, Value, json};

/// Values of a parameter that change nothing.
#[derive(Debug, Clone, Copy)]
enum Neutral {
    /// Any: it changes nothing about an answer here.
    Any,
    /// This number, and null.
    Number(f64),
    /// Any number that is not above this one.
    UpTo(f64),
    /// This truth value.
    Is(bool),
    /// One of these words.
    Words(&'static [&'static str]),
    /// A text, list or object without anything in it.
    Empty,
}

use Neutral::{Any, Empty, Is, Number, UpTo, Words};

/// Every such parameter, by the server that it is of.
const NEUTRAL: &[(&str, Neutral)] = &[
    // vLLM
    ("add_special_tokens", Any),
    ("allowed_token_ids", Empty),
    ("bad_words", Empty),
    ("cache_salt", Any),
    ("chat_template", Empty),
    ("detokenize", Is(true)),
    ("documents", Empty),
    ("early_stopping", Is(false)),
    ("guided_decoding_backend", Any),
    ("guided_whitespace_pattern", Empty),
    ("include_reasoning", Is(true)),
    ("include_stop_str_in_output", Is(false)),
    ("kv_transfer_params", Empty),
    ("length_penalty", Number(1.0)),
    ("logits_processors", Empty),
    ("media_io_kwargs", Empty),
    ("min_tokens", UpTo(0.0)),
    ("mm_processor_kwargs", Empty),
    ("repetition_detection", Empty),
    ("request_id", Any),
    ("return_token_ids", Is(false)),
    ("return_tokens_as_token_ids", Is(false)),
    ("skip_special_tokens", Is(true)),
    ("spaces_between_special_tokens", Is(true)),
    ("truncate_prompt_tokens", UpTo(-1.0)),
    ("use_beam_search", Is(false)),
    ("vllm_xargs", Empty),
    // SGLang
    ("custom_logit_processor", Empty),
    ("custom_params", Empty),
    ("lora_path", Empty),
    ("min_new_tokens", UpTo(0.0)),
    ("no_stop_trim", Is(false)),
    ("return_cached_tokens_details", Is(false)),
    ("return_hidden_states", Is(false)),
    ("return_routed_experts", Is(false)),
    ("rid", Any),
    ("separate_reasoning", Is(true)),
    ("session_params", Empty),
    ("stop_regex", Empty),
    ("stream_reasoning", Is(true)),
    ("use_audio_in_video", Is(false)),
    // llama.cpp
    ("adaptive_decay", Any),
    ("adaptive_target", UpTo(0.0)),
    ("backend_sampling", Any),
    ("cache_reuse", Any),
    ("dynatemp_exponent", Any),
    ("dynatemp_range", Number(0.0)),
    ("grammar_lazy", Is(false)),
    ("grammar_triggers", Empty),
    ("image_data", Empty),
    ("lora", Empty),
    ("mirostat", Number(0.0)),
    ("mirostat_eta", Any),
    ("mirostat_tau", Any),
    ("n_cmpl", Number(1.0)),
    ("n_discard", Any),
    ("n_indent", Number(0.0)),
    ("n_keep", Any),
    ("n_probs", Number(0.0)),
    ("parse_tool_calls", Is(true)),
    ("penalize_nl", Any),
    ("post_sampling_probs", Is(false)),
    ("preserved_tokens", Empty),
    ("reasoning_in_content", Is(false)),
    ("response_fields", Empty),
    ("return_tokens", Any),
    ("samplers", Empty),
    ("speculative.n_max", Any),
    ("speculative.n_min", Any),
    ("speculative.p_min", Any),
    ("sse_ping_interval", Any),
    ("t_max_predict_ms", UpTo(0.0)),
    ("t_max_prompt_ms", UpTo(0.0)),
    ("tfs_z", Number(1.0)),
    ("thinking_forced_open", Is(false)),
    ("top_n_sigma", UpTo(0.0)),
    ("use_penalty_prompt_tokens", Is(false)),
    ("verbose", Any),
    // Thoughts come apart from what is said: whoever names that way gets it.
    ("reasoning_format", Words(&["auto", "deepseek", "parsed", "separated"])),
    // Ollama, as clients send its options to others
    ("keep_alive", Any),
    ("low_vram", Any),
    ("num_batch", Any),
    ("num_ctx", Any),
    ("num_gpu", Any),
    ("num_keep", Any),
    ("num_thread", Any),
    ("numa", Any),
    ("use_mlock", Any),
    ("use_mmap", Any),
    // OpenAI and those who speak like it
    ("audio", Empty),
    ("do_sample", Is(true)),
    ("enable_search", Is(false)),
    ("function_call", Words(&["auto", "none"])),
    ("functions", Empty),
    ("plugins", Empty),
    ("provider", Any),
    ("return_full_text", Is(false)),
    ("route", Any),
    ("safe_prompt", Is(false)),
    ("tool_stream", Any),
    ("top_a", Number(0.0)),
    ("transforms", Empty),
    ("usage", Any),
    ("watermark", Is(false)),
];

impl Neutral {
    fn has(self, value: &Value) -> bool {
        match self {
            Any => true,
            Number(neutral) => value.as_f64() == Some(neutral),
            UpTo(most) => value.as_f64().is_some_and(|number| number <= most),
            Is(neutral) => value.as_bool() == Some(neutral),
            Words(words) => value.as_str().is_some_and(|word| words.contains(&word)),
            Empty => match value {
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(map) => map.is_empty(),
                _ => false,
            },
        }
    }

    fn example(self) -> Option<Value> {
        match self {
            Any => None,
            Number(number) | UpTo(number) => Some(json!(number)),
            Is(truth) => Some(json!(truth)),
            Words(words) => words.first().map(|word| json!(word)),
            Empty => Some(json!([])),
        }
    }
}

/// Takes every such parameter.
///
/// # Errors
/// One at a value that would change the answer.
pub(super) fn take(fields: &mut Fields) -> Result<(), ApiError> {
    NEUTRAL.iter().try_for_each(|(name, neutral)| fields.accept(name, |value| neutral.has(value)))
}

/// These parameters as properties of a JSON schema.
pub(super) fn schema() -> Map<String, Value> {
    let property = |neutral: &Neutral| match neutral.example() {
        None => json!({"description": "Accepted; changes nothing"}),
        Some(value) => json!({"enum": [value, null], "description": "Accepted where it changes nothing"}),
    };
    NEUTRAL.iter().map(|(name, neutral)| ((*name).to_owned(), property(neutral))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(name: &str, value: &Value) -> Result<(), ApiError> {
        let mut fields = Fields::of(json!({name: value}), "").unwrap();
        take(&mut fields)?;
        fields.finish()
    }

    #[test]
    fn values_that_change_nothing_are_taken_and_others_refused_by_name() {
        for (name, value) in [
            ("mirostat", json!(0.0)),
            ("tfs_z", json!(1)),
            ("skip_special_tokens", json!(true)),
            ("min_tokens", json!(-1)),
            ("truncate_prompt_tokens", json!(-1)),
            ("bad_words", json!([])),
            ("vllm_xargs", json!({})),
            ("top_n_sigma", json!(-1.0)),
            ("n_keep", json!(5)),
            ("reasoning_format", json!("auto")),
            ("use_beam_search", Value::Null),
        ] {
            assert!(taken(name, &value).is_ok(), "{name} {value}");
        }
        for (name, value) in [
            ("mirostat", json!(2)),
            ("skip_special_tokens", json!(false)),
            ("min_tokens", json!(3)),
            ("bad_words", json!(["a"])),
            ("use_beam_search", json!(true)),
            ("reasoning_format", json!("none")),
            ("length_penalty", json!("1.0x")),
        ] {
            let error = taken(name, &value).unwrap_err();
            assert!(error.code == Some("unsupported_parameter") && error.message.contains(name), "{error}");
        }
    }

    #[test]
    fn every_parameter_is_named_once_and_its_example_is_taken() {
        let mut names: Vec<&str> = NEUTRAL.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NEUTRAL.len());
        for (name, neutral) in NEUTRAL {
            assert!(taken(name, &neutral.example().unwrap_or(json!("whatever"))).is_ok(), "{name}");
        }
    }
}
