//! Metadata values, to be read by people and by programs.

use crate::units::thousands;
use hefu_model::gguf::Value;
use serde_json::{Value as Json, json};

/// Longest text of a metadata value that is shown in full, in characters.
const LONGEST_VALUE: usize = 100;

/// A value on one line: long texts and arrays by their length.
pub(super) fn shown(value: &Value<'_>) -> String {
    if let Some(array) = value.array() {
        return format!("{} values", thousands(array.len() as u64));
    }
    if let Some(text) = value.bytes() {
        let text = String::from_utf8_lossy(text);
        let plain = text.chars().count() <= LONGEST_VALUE && !text.chars().any(char::is_control);
        return if plain { text.into_owned() } else { format!("text of {} bytes", thousands(text.len() as u64)) };
    }
    match value {
        Value::F32(number) => number.to_string(),
        other => value_json(other).to_string(),
    }
}

/// A value as JSON; an array by its length, as vocabularies have hundreds of thousands of entries.
pub(super) fn value_json(value: &Value<'_>) -> Json {
    match *value {
        Value::Bool(value) => value.into(),
        Value::F32(_) | Value::F64(_) => value.float().into(),
        Value::String(text) => String::from_utf8_lossy(text).into(),
        Value::Array(array) => json!({ "length": array.len() }),
        ref other => other.unsigned().map(Json::from).or_else(|| other.integer().map(Json::from)).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_on_their_line() {
        assert_eq!(shown(&Value::String(b"short")), "short");
        assert_eq!(shown(&Value::String(b"two\nlines")), "text of 9 bytes");
        assert_eq!(shown(&Value::I32(-5)), "-5");
        assert_eq!(shown(&Value::U64(u64::MAX)), u64::MAX.to_string());
        assert_eq!(shown(&Value::Bool(true)), "true");
        assert_eq!(shown(&Value::F32(0.5)), "0.5");
    }
}
