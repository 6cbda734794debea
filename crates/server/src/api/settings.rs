//! The settings that every dialect with OpenAI's or llama.cpp's names shares. One table is what is read, and what the
//! description of the API says.

use super::fields::{Biases, Fields, Texts};
use crate::error::ApiError;
use hefu_answer::Sampling;
use hefu_engine::scheduler::MAX_PRIORITY;
use serde_json::{Map, Value, json};

/// A setting: its names (the first is the one that is described), its JSON type, and what it does.
type Setting = (&'static [&'static str], &'static str, &'static str);

/// Every setting of sampling.
pub const SETTINGS: &[Setting] = &[
    (&["temperature"], "number", "Randomness, 0 to 100; 0 always takes the likeliest token"),
    (&["top_k"], "integer", "Keep the k likeliest tokens; 0 keeps all"),
    (&["top_p"], "number", "Keep the likeliest tokens that together reach this probability; 1 keeps all"),
    (&["min_p"], "number", "Keep tokens at least this fraction as likely as the likeliest; 0 keeps all"),
    (
        &["typical_p", "typ_p"],
        "number",
        "Keep the most typical tokens that together exceed this probability; 1 keeps all",
    ),
    (&["min_keep"], "integer", "Filters leave at least this many tokens"),
    (&["repetition_penalty", "repeat_penalty"], "number", "Weakens recent tokens by this factor; 1 is off"),
    (&["repeat_last_n"], "integer", "Number of recent tokens; -1 is all, 0 is off"),
    (&["presence_penalty"], "number", "Taken off the logit of each recent token, -10 to 10"),
    (&["frequency_penalty"], "number", "The same per occurrence, -10 to 10"),
    (&["dry_multiplier"], "number", "DRY, against repeated passages: strength; 0 is off"),
    (&["dry_base"], "number", "DRY: growth per token of the passage"),
    (&["dry_allowed_length"], "integer", "DRY: shorter passages are left alone"),
    (&["dry_penalty_last_n"], "integer", "DRY: tokens looked back; -1 is all"),
    (&["dry_sequence_breakers"], "array", "DRY: texts that no passage crosses"),
    (&["xtc_probability"], "number", "XTC, exclude top choices: probability that it acts; 0 is off"),
    (&["xtc_threshold"], "number", "XTC: least probability of a top choice"),
    (&["logit_bias"], "object", "Token ids and what is added to their logits, -100 to 100"),
    (&["ignore_eos"], "boolean", "Forbid the tokens that end an answer"),
    (&["seed", "random_seed"], "integer", "The same seed gives the same answer; a new one if it is not given"),
];

/// Parameters that clients send and that change nothing about an answer.
pub const HARMLESS: &[&str] = &[
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "cache_prompt",
    "id_slot",
    "prediction",
    "timings_per_token",
    "return_progress",
];

/// The names of the person for whom a program asks.
pub const USER: &[&str] = &["safety_identifier", "user"];

/// The person for whom a program asks, as it tells them apart.
///
/// # Errors
/// A value of another type.
pub fn user(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    Ok(fields.take_any::<String>(USER)?.filter(|user| !user.is_empty()))
}

/// Most tokens of an answer, by the first of some names; -1 is no limit, and so is -2, which fills the context in llama.cpp and Ollama.
///
/// # Errors
/// A value of another type, or another negative number.
pub fn max_tokens(fields: &mut Fields, names: &[&str]) -> Result<Option<usize>, ApiError> {
    let given = names.iter().find(|name| fields.has(name)).or(names.first()).copied().unwrap_or_default();
    let most: Option<i64> = fields.take_any(names)?;
    match most {
        None | Some(-1 | -2) => Ok(None),
        Some(most) => {
            usize::try_from(most).map(Some).map_err(|_| fields.wrong(given, "a whole number, or -1 for no limit"))
        }
    }
}

/// The priority of a request among those of the same client.
///
/// # Errors
/// A number outside of what it may be.
pub fn priority(fields: &mut Fields) -> Result<i32, ApiError> {
    let priority: i32 = fields.take("priority")?.unwrap_or(0);
    if priority.abs() > MAX_PRIORITY {
        return Err(fields.wrong("priority", &format!("a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}")));
    }
    Ok(priority)
}

/// Takes every setting of sampling.
///
/// # Errors
/// A value of another type. Ranges are checked later, all at once.
pub fn sampling(fields: &mut Fields) -> Result<Sampling, ApiError> {
    let names = |name: &'static str| {
        SETTINGS.iter().map(|(names, _, _)| *names).find(|names| names.first() == Some(&name)).unwrap_or(&[])
    };
    let biases: Biases = fields.take("logit_bias")?.unwrap_or_default();
    let seed: Option<Value> = fields.take_any(names("seed"))?;
    Ok(Sampling {
        temperature: fields.take("temperature")?,
        // llama.cpp and others say -1 for "all".
        top_k: fields.take::<i64>("top_k")?.map(|k| u32::try_from(k.max(0)).unwrap_or(u32::MAX)),
        top_p: fields.take("top_p")?,
        min_p: fields.take("min_p")?,
        typical_p: fields.take_any(names("typical_p"))?,
        min_keep: fields.take("min_keep")?,
        repetition_penalty: fields.take_any(names("repetition_penalty"))?,
        repeat_last_n: fields.take("repeat_last_n")?,
        presence_penalty: fields.take("presence_penalty")?,
        frequency_penalty: fields.take("frequency_penalty")?,
        dry_multiplier: fields.take("dry_multiplier")?,
        dry_base: fields.take("dry_base")?,
        dry_allowed_length: fields.take("dry_allowed_length")?,
        dry_penalty_last_n: fields.take("dry_penalty_last_n")?,
        dry_breakers: fields.take::<Texts>("dry_sequence_breakers")?.unwrap_or_default().0,
        xtc_probability: fields.take("xtc_probability")?,
        xtc_threshold: fields.take("xtc_threshold")?,
        logit_bias: biases.added,
        banned: biases.forbidden,
        ignore_eos: fields.take("ignore_eos")?.unwrap_or(false),
        seed: seed.map(|seed| whole_seed(&seed)).transpose()?.flatten(),
    })
}

/// The settings as properties of a JSON schema.
pub fn schema() -> Map<String, Value> {
    let property = |kind: &str, text: &str| match kind {
        "array" => json!({"type": ["array", "null"], "items": {"type": "string"}, "description": text}),
        "object" => {
            json!({"type": ["object", "null"], "additionalProperties": {"type": "number"}, "description": text})
        }
        kind => json!({"type": [kind, "null"], "description": text}),
    };
    SETTINGS
        .iter()
        .flat_map(|(names, kind, text)| names.iter().map(move |name| ((*name).to_owned(), property(kind, text))))
        .collect()
}

/// A seed; -1 asks for a new one, other negative numbers are taken as their 64 bits.
fn whole_seed(value: &Value) -> Result<Option<u64>, ApiError> {
    // Some clients write whole numbers with a point.
    let whole = value.as_f64().filter(|seed| seed.fract() == 0.0 && seed.abs() < 1e15).map(|seed| seed as i64);
    match (value.as_u64(), value.as_i64().or(whole)) {
        (None, Some(seed)) if seed >= 0 => Ok(Some(seed.cast_unsigned())),
        (Some(seed), _) => Ok(Some(seed)),
        (None, Some(-1)) => Ok(None),
        (None, Some(seed)) => Ok(Some(seed.cast_unsigned())),
        (None, None) => Err(ApiError::parameter("seed", "seed must be a whole number of at most 64 bits")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_of_the_table_is_read() {
        for (names, kind, _) in SETTINGS {
            for name in *names {
                let value = match *kind {
                    "number" | "integer" => json!(1),
                    "boolean" => json!(true),
                    "array" => json!(["x"]),
                    _ => json!({"1": 1}),
                };
                let body = json!({*name: value}).to_string();
                let mut fields = Fields::parse(body.as_bytes()).unwrap();
                let read = sampling(&mut fields).unwrap();
                assert_ne!(read, Sampling::default(), "{name} changes nothing");
                fields.finish().unwrap();
            }
        }
    }

    #[test]
    fn seeds_of_every_size_are_taken() {
        let of = |value| whole_seed(&value).unwrap();
        assert_eq!(of(json!(u64::MAX)), Some(u64::MAX));
        assert_eq!(of(json!(-1)), None);
        assert_eq!(of(json!(-2)), Some(u64::MAX - 1));
        assert_eq!((of(json!(42.0)), of(json!(-1.0))), (Some(42), None));
        assert!(whole_seed(&json!(1.5)).is_err());
    }
}
