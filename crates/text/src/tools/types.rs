//! Types of arguments that are written without quotes.

use serde_json::Value;
use std::collections::BTreeMap;

/// Arguments of tools that are texts.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    tools: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Types {
    /// Learns the JSON schema of a tool's arguments.
    pub(super) fn add(&mut self, tool: &str, schema: &Value) {
        let properties = schema.get("properties").and_then(Value::as_object);
        let known = properties.into_iter().flatten().map(|(name, schema)| (name.clone(), is_text(schema)));
        self.tools.insert(tool.to_owned(), known.collect());
    }

    /// An argument as JSON: text stays text, and what is no JSON is text.
    pub(super) fn value(&self, tool: &str, name: &str, written: &str) -> Value {
        let text = || Value::String(written.to_owned());
        if self.tools.get(tool).and_then(|known| known.get(name)) == Some(&true) {
            return text();
        }
        match written.trim() {
            "True" => Value::Bool(true),
            "False" => Value::Bool(false),
            "None" => Value::Null,
            trimmed => serde_json::from_str(trimmed).unwrap_or_else(|_| text()),
        }
    }
}

/// True if nothing but a text (or null) is valid by a schema.
fn is_text(schema: &Value) -> bool {
    match schema.get("type") {
        Some(Value::String(kind)) => kind == "string",
        Some(Value::Array(kinds)) => {
            kinds.iter().any(|kind| kind == "string") && kinds.iter().all(|kind| kind == "string" || kind == "null")
        }
        _ => {
            let choices = schema.get("enum").and_then(Value::as_array);
            choices.is_some_and(|choices| choices.iter().all(Value::is_string))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_schema_decides_what_is_text() {
        let mut types = Types::default();
        let properties = json!({
            "a": {"type": "string"}, "b": {"type": "integer"}, "c": {"enum": ["1", "2"]},
            "d": {"type": ["string", "null"]}, "e": {"type": ["string", "integer"]},
        });
        types.add("f", &json!({"properties": properties}));
        for (name, written, value) in [
            ("a", "12", json!("12")),
            ("b", "12", json!(12)),
            ("b", "twelve", json!("twelve")),
            ("c", "1", json!("1")),
            ("d", "null", json!("null")),
            ("e", "7", json!(7)),
            ("z", "{\"a\": [1]}", json!({"a": [1]})),
            ("z", "True", json!(true)),
            ("z", "Köln ", json!("Köln ")),
        ] {
            assert_eq!(types.value("f", name, written), value, "{name}");
        }
    }
}
