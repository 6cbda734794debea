//! Schemas of this API's requests, for its description.

use super::super::settings;
use serde_json::{Value, json};

fn shared(own: &Value) -> Value {
    let mut options = settings::schema();
    options.insert(
        "num_predict".to_owned(),
        json!({"type": ["integer", "null"], "description": "Most tokens of the answer"}),
    );
    options.insert("stop".to_owned(), json!({"type": ["string", "array", "null"], "items": {"type": "string"}}));
    let mut schema = json!({"type": "object", "properties": {
        "model": {"type": ["string", "null"], "description": "A name of /api/tags; the first of them by default"},
        "stream": {"type": ["boolean", "null"], "description": "Answer line by line; true by default"},
        "format": {"type": ["string", "object", "null"], "description": "json, or a JSON schema"},
        "options": {"type": ["object", "null"], "properties": options},
        "think": {"type": ["boolean", "string", "null"]},
        "keep_alive": {"type": ["string", "number", "null"], "description": "How long the model stays in memory"},
    }});
    if let (Some(properties), Some(own)) = (schema["properties"].as_object_mut(), own.as_object()) {
        properties.extend(own.clone());
    }
    schema
}

/// The body of `/api/chat`.
pub fn chat() -> Value {
    shared(&json!({
        "messages": {"type": ["array", "null"], "items": {"type": "object", "required": ["role"], "properties": {
            "role": {"enum": ["system", "user", "assistant", "tool"]},
            "content": {"type": ["string", "null"]},
        }}},
        "tools": {"type": ["array", "null"], "items": {"type": "object"}},
    }))
}

/// The body of `/api/generate`.
pub fn generate() -> Value {
    shared(&json!({
        "prompt": {"type": ["string", "null"]},
        "suffix": {"type": ["string", "null"], "description": "What stands after the gap that is to be filled"},
        "system": {"type": ["string", "null"]},
        "raw": {"type": ["boolean", "null"], "description": "Leave the model's template out"},
    }))
}

/// The body of `/api/embed`.
pub fn embed() -> Value {
    super::embed::schema("input")
}

/// The body of `/api/embeddings`.
pub fn embeddings() -> Value {
    super::embed::schema("prompt")
}

/// The body of `/api/show`.
pub fn show() -> Value {
    json!({"type": "object", "required": ["model"], "properties": {"model": {"type": "string"}}})
}
