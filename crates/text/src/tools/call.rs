//! A call written as JSON.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;

/// A call as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) name: String,
    /// A JSON object, letter for letter as the model wrote it.
    pub(super) arguments: String,
}

impl Call {
    /// A call if the name is one and the arguments are a JSON object, or a text that holds one.
    pub(super) fn new(name: &str, arguments: &str) -> Option<Self> {
        let arguments = arguments.trim();
        if name.is_empty() || name.chars().any(|character| character.is_whitespace() || character.is_control()) {
            return None;
        }
        if serde_json::from_str::<Map<String, Value>>(arguments).is_ok() {
            return Some(Self { name: name.to_owned(), arguments: arguments.to_owned() });
        }
        let inner: String = serde_json::from_str(arguments).ok()?;
        serde_json::from_str::<Map<String, Value>>(&inner).ok()?;
        Some(Self { name: name.to_owned(), arguments: inner.trim().to_owned() })
    }

    /// The call that an object describes.
    pub(super) fn of_object(json: &str) -> Option<Self> {
        let written: Written<'_> = serde_json::from_str(json).ok()?;
        if let Some(function) = written.function {
            return if written.name.is_none() { Self::of_object(function.get()) } else { None };
        }
        let arguments = match (written.arguments, written.parameters) {
            (Some(_), Some(_)) | (None, None) => return None,
            (Some(arguments), None) | (None, Some(arguments)) => arguments,
        };
        Self::new(&written.name?, arguments.get())
    }

    /// The calls of an object or of an array of objects, all of which must be calls.
    pub(super) fn of_value(json: &str) -> Option<Vec<Self>> {
        if !json.trim_start().starts_with('[') {
            return Self::of_object(json).map(|call| vec![call]);
        }
        let items: Vec<&RawValue> = serde_json::from_str(json).ok()?;
        let calls: Option<Vec<Self>> = items.into_iter().map(|item| Self::of_object(item.get())).collect();
        calls.filter(|calls| !calls.is_empty())
    }
}

/// The shapes in which families write an object. Other fields are passed over.
#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow)]
    arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    parameters: Option<&'a RawValue>,
    #[serde(borrow)]
    function: Option<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(json: &str) -> Option<(String, String)> {
        Call::of_object(json).map(|call| (call.name, call.arguments))
    }

    #[test]
    fn the_shapes_of_families() {
        let expected = Some(("f".to_owned(), "{ \"a\" :1}".to_owned()));
        assert_eq!(call(r#"{"name": "f", "arguments": { "a" :1}}"#), expected);
        assert_eq!(call(r#"{"parameters": { "a" :1}, "name": "f", "type": "function"}"#), expected);
        assert_eq!(call(r#"{"type": "function", "function": {"name": "f", "arguments": { "a" :1}}}"#), expected);
        assert_eq!(call(r#"{"name": "f", "arguments": "{ \"a\" :1}"}"#), expected);
        assert_eq!(Call::of_value(r#"[{"name":"f","arguments":{}},{"name":"g","arguments":{}}]"#).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_call() {
        for json in [
            r#"{"name": "f"}"#,
            r#"{"name": "", "arguments": {}}"#,
            r#"{"name": "two words", "arguments": {}}"#,
            r#"{"name": 1, "arguments": {}}"#,
            r#"{"name": "f", "arguments": [1]}"#,
            r#"{"name": "f", "arguments": {}, "parameters": {}}"#,
            r#"{"name": "f", "name": "g", "arguments": {}}"#,
            r#"{"name": "f", "arguments": {"a": tru}}"#,
            r#"{"name": "f", "arguments": {"a": "\ud800"}}"#,
        ] {
            assert_eq!(call(json), None, "{json}");
        }
        assert_eq!(Call::of_value("[]"), None);
        assert_eq!(Call::of_value(r#"[{"name":"f","arguments":{}}, 1]"#), None);
    }
}
