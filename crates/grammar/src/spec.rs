//! Structure that an answer must have, as plain data.

use crate::ToolCalls;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// Form of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Spec {
    /// Any JSON object.
    JsonObject,
    /// JSON that is valid by a schema (drafts 4 to 2020-12; see [`crate::schema`] for what is honoured).
    JsonSchema(Value),
    /// Text that a regular expression matches from its first character to its last (syntax: the `regex` crate's,
    /// without anchors, look-around and back references).
    Regex(String),
    /// Text by a Lark grammar, in `llguidance`'s dialect.
    Lark(String),
    /// Text by a GBNF grammar, as llama.cpp defines it.
    Gbnf(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// One or more tool calls and nothing else, in the format of the model's template.
    ToolCalls(ToolCalls),
    /// Tool calls, or what else is asked for: `tool_choice` *auto* beside a form of the answer.
    CallsOr {
        /// The calls that may be made.
        calls: ToolCalls,
        /// Form of the answer if no call is made.
        answer: Box<Spec>,
    },
    /// Anything up to the end of the model's reasoning, then what is asked for. For templates that open the reasoning
    /// themselves, and for models that always reason.
    AfterReasoning {
        /// The text that ends the reasoning, `</think>` for most.
        end: String,
        /// Form of what follows.
        then: Box<Spec>,
    },
}

impl Spec {
    /// SHA-256 of the spec's canonical JSON (keys sorted, no spaces), in hexadecimal: what a receipt records.
    pub fn digest(&self) -> String {
        let digest = Sha256::digest(self.canonical());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The spec as canonical JSON: keys sorted by their code points at every level, no spaces.
    pub fn canonical(&self) -> String {
        // A map with text keys can always be serialised.
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        let mut text = String::new();
        write_sorted(&value, &mut text);
        text
    }
}

fn write_sorted(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_unstable_by_key(|(name, _)| *name);
            text.push('{');
            for (at, (name, value)) in sorted.into_iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write_sorted(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (at, item) in items.iter().enumerate() {
                text.push_str(if at == 0 { "" } else { "," });
                write_sorted(item, text);
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_digest_does_not_depend_on_the_order_of_keys_and_on_nothing_less() {
        let of = |value: Value| Spec::JsonSchema(value).digest();
        assert_eq!(of(json!({"a": {"x": 1, "y": 2}, "b": []})), of(json!({"b": [], "a": {"y": 2, "x": 1}})));
        assert_ne!(of(json!({"a": [1, 2]})), of(json!({"a": [2, 1]})));
        assert_ne!(Spec::Regex("a".into()).digest(), Spec::Lark("a".into()).digest());
        assert_eq!(Spec::JsonObject.canonical(), r#"{"kind":"json_object"}"#);
        assert_eq!(Spec::JsonObject.digest().len(), 64);
    }

    #[test]
    fn a_spec_survives_json() {
        let spec = Spec::AfterReasoning { end: "</think>".into(), then: Box::new(Spec::Choice(vec!["ja".into()])) };
        let back: Spec = serde_json::from_str(&spec.canonical()).unwrap();
        assert_eq!(back, spec);
    }
}
