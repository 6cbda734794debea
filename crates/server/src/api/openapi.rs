//! `/openapi.json`: the description of the API, made from the table of endpoints and the table of settings.

use super::{Endpoint, JSON, endpoints, neutral, settings};
use crate::error::json_response;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

/// The document.
pub(super) async fn document() -> Response {
    json_response(StatusCode::OK, &describe(&endpoints()))
}

fn describe(endpoints: &[Endpoint]) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for endpoint in endpoints {
        let path = endpoint.path.replace("{*", "{");
        let entry = paths.entry(path).or_insert_with(|| json!({}));
        entry[endpoint.method] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hefu",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Open language models, the same answer to the bit on every machine.",
        },
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "Error": error_schema(),
                "MessagesError": messages_error_schema(),
                "OllamaError": {
                    "type": "object", "required": ["error"], "properties": {"error": {"type": "string"}},
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let schema = format!("#/components/schemas/{}", error_name(endpoint.path));
    let error = json!({
        "description": "A refusal or a failure, in one sentence",
        "content": {"application/json": {"schema": {"$ref": schema}}},
    });
    let mut content = Map::new();
    content.insert(endpoint.answer.to_owned(), json!({}));
    let mut responses = json!({"200": {"description": "Done", "content": content}, "default": error});
    let mut operation = json!({"summary": endpoint.summary});
    if let Some(request) = endpoint.request {
        let schema = request();
        if schema.pointer("/properties/stream").is_some() {
            // Whole or as a stream, as the request asks.
            let other = if endpoint.answer == JSON { "text/event-stream" } else { JSON };
            responses["200"]["content"][other] = json!({});
        }
        operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
    }
    operation["responses"] = responses;
    if let Some((_, name)) = endpoint.path.split_once('{') {
        let name = name.trim_start_matches('*').trim_end_matches('}');
        operation["parameters"] = json!([{"name": name, "in": "path", "required": true, "schema": {"type": "string"}}]);
    }
    if endpoint.is_operators {
        operation["security"] = json!([{"key": []}]);
    } else if !endpoint.is_open {
        operation["security"] = json!([{"key": []}, {}]);
    }
    operation
}

/// The shape of errors in the dialect that is spoken at a path; as [`error_body`](super::error_body) writes them.
fn error_name(path: &str) -> &'static str {
    if path.starts_with("/v1/messages") {
        "MessagesError"
    } else if path.starts_with("/api/") {
        "OllamaError"
    } else {
        "Error"
    }
}

fn messages_error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["type", "error"],
        "properties": {
            "type": {"const": "error"},
            "error": {
                "type": "object",
                "required": ["type", "message"],
                "properties": {"type": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    })
}

fn error_schema() -> Value {
    json!({
        "type": "object",
        "required": ["error"],
        "properties": {"error": {
            "type": "object",
            "required": ["message", "type"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "param": {"type": ["string", "null"]},
                "code": {"type": ["string", "null"]},
            },
        }},
    })
}

/// An object with these properties and those that every answer shares.
pub(super) fn answering(own: Value, required: &[&str]) -> Value {
    let mut properties = settings::schema();
    let shared = json!({
        "model": {"type": ["string", "null"], "description": "A name of /v1/models; the first of them by default"},
        "stop": {"type": ["string", "array", "null"], "items": {"type": "string"},
            "description": "Texts that end the answer"},
        "max_tokens": {"type": ["integer", "null"], "description": "Most tokens of an answer"},
        "max_completion_tokens": {"type": ["integer", "null"], "description": "The same"},
        "stop_token_ids": {"type": ["array", "null"], "items": {"type": "integer"},
            "description": "Tokens that end the answer"},
        "n": {"type": ["integer", "null"], "description": "How many answers; the i-th has the seed seed + i"},
        "priority": {"type": ["integer", "null"], "minimum": -100, "maximum": 100,
            "description": "Higher goes first among requests of the same key"},
        "stream": {"type": ["boolean", "null"], "description": "Answer as server-sent events"},
        "stream_options": {"type": ["object", "null"],
            "properties": {"include_usage": {"type": ["boolean", "null"]}}},
        "response_format": {"type": ["object", "null"], "properties": {"type": {"enum":
            ["text", "json_object", "json_schema", "regex", "lark", "gbnf", "choice"]}}, "required": ["type"]},
        "grammar": {"type": ["string", "null"], "description": "A GBNF grammar"},
        "json_schema": {"description": "A JSON schema"},
        "regex": {"type": ["string", "null"], "description": "A regular expression that the answer matches"},
        "ebnf": {"type": ["string", "null"], "description": "A GBNF grammar"},
        "structured_outputs": {"type": ["object", "null"],
            "description": "One of json, regex, choice, grammar or json_object"},
    });
    for part in [shared, own] {
        if let Value::Object(part) = part {
            properties.extend(part);
        }
    }
    for (name, property) in neutral::schema() {
        properties.entry(name).or_insert(property);
    }
    for name in settings::HARMLESS {
        properties.insert((*name).to_owned(), json!({"description": "Accepted; changes nothing"}));
    }
    for name in settings::USER {
        let text = "For whom a program asks; records hold a pseudonym in its place";
        properties.insert((*name).to_owned(), json!({"type": ["string", "null"], "description": text}));
    }
    json!({"type": "object", "required": required, "properties": properties, "additionalProperties": false})
}

/// The same without what asks for several answers, a stream or a form.
pub(super) fn answering_whole(own: Value) -> Value {
    let mut schema = answering(own, &[]);
    if let Some(properties) = schema["properties"].as_object_mut() {
        for name in ["n", "stream", "stream_options", "response_format", "grammar", "json_schema", "regex", "ebnf"] {
            properties.shift_remove(name);
        }
        properties.shift_remove("structured_outputs");
    }
    schema
}

/// The body of `/v1/chat/completions`.
pub(super) fn chat() -> Value {
    let message = json!({
        "type": "object",
        "required": ["role"],
        "properties": {
            "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
            "content": {"type": ["string", "array", "null"]},
            "reasoning_content": {"type": ["string", "null"]},
            "name": {"type": ["string", "null"]},
            "tool_call_id": {"type": ["string", "null"]},
            "tool_calls": {"type": ["array", "null"]},
        },
    });
    let own = json!({
        "messages": {"type": "array", "minItems": 1, "items": message},
        "tools": {"type": ["array", "null"], "items": {"type": "object", "required": ["type", "function"]}},
        "tool_choice": {"description": "auto, none, required, or a function by name"},
        "parallel_tool_calls": {"type": ["boolean", "null"]},
        "logprobs": {"type": ["boolean", "null"]},
        "top_logprobs": {"type": ["integer", "null"]},
        "reasoning_effort": {"type": ["string", "null"], "description": "A variable of the chat template"},
        "enable_thinking": {"type": ["boolean", "null"], "description": "A variable of the chat template"},
        "thinking": {"type": ["object", "boolean", "null"], "description": "The same, by its type: enabled or disabled"},
        "chat_template_kwargs": {"type": ["object", "null"], "description": "Variables of the chat template"},
        "continue_final_message": {"type": ["boolean", "null"], "description": "The last message is to be continued"},
        "add_generation_prompt": {"type": ["boolean", "null"]},
        "modalities": {"type": ["array", "null"], "items": {"const": "text"}},
        "verbosity": {"enum": ["medium", null]},
    });
    answering(own, &["messages"])
}

/// The body of `/v1/completions`.
pub(super) fn completions() -> Value {
    let own = json!({
        "prompt": inputs(),
        "logprobs": {"type": ["integer", "boolean", "null"]},
        "suffix": {"type": ["string", "null"], "description": "What stands after the gap that is to be filled"},
        "echo": {"type": ["boolean", "null"], "description": "The prompt is repeated before the answer"},
        "best_of": {"type": ["integer", "null"], "description": "Answers that are made; the n likeliest stay"},
        "prompt_logprobs": {"type": ["integer", "null"], "description": "Likely tokens told in each place of the prompt"},
    });
    answering(own, &["prompt"])
}

/// The body of `/v1/embeddings`.
pub(super) fn embeddings() -> Value {
    json!({
        "type": "object",
        "required": ["input"],
        "properties": {
            "model": {"type": ["string", "null"]},
            "input": inputs(),
            "encoding_format": {"enum": ["float", "base64", null]},
            "dimensions": {"type": ["integer", "null"], "description": "How many numbers of each vector are kept"},
            "user": {"type": ["string", "null"]},
        },
    })
}

/// The body of `/tokenize`.
pub(super) fn tokenize() -> Value {
    json!({
        "type": "object",
        "properties": {
            "model": {"type": ["string", "null"]},
            "content": {"type": ["string", "null"]},
            "messages": {"type": ["array", "null"]},
            "tools": {"type": ["array", "null"]},
            "prompt": {"type": ["string", "null"], "description": "The same, with add_special true unless it is given"},
            "add_special": {"type": ["boolean", "null"]},
            "add_special_tokens": {"type": ["boolean", "null"]},
            "parse_special": {"type": ["boolean", "null"]},
            "with_pieces": {"type": ["boolean", "null"]},
        },
        "additionalProperties": false,
    })
}

/// The body of `/detokenize`.
pub(super) fn detokenize() -> Value {
    json!({
        "type": "object",
        "required": ["tokens"],
        "properties": {"model": {"type": ["string", "null"]}, "tokens": {"type": "array", "items": {"type": "integer"}}},
        "additionalProperties": false,
    })
}

fn inputs() -> Value {
    json!({"type": ["string", "array"], "description": "A text, token ids, or several of either"})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_endpoint_is_described_once() {
        let all = endpoints();
        let document = describe(&all);
        assert_eq!(document["paths"].as_object().unwrap().len(), {
            let mut paths: Vec<_> = all.iter().map(|endpoint| endpoint.path).collect();
            paths.dedup();
            paths.len()
        });
        let chat = &document["paths"]["/v1/chat/completions"]["post"];
        assert!(chat.pointer("/requestBody/content/application~1json/schema/properties/min_p").is_some());
        assert!(chat.pointer("/responses/200/content/text~1event-stream").is_some());
        assert_eq!(document["paths"]["/v1/models/{name}"]["get"]["parameters"][0]["name"], "name");
        let ollama = &document["paths"]["/api/chat"]["post"]["responses"];
        assert!(ollama.pointer("/200/content/application~1json").is_some());
        assert_eq!(ollama["default"]["content"][JSON]["schema"]["$ref"], "#/components/schemas/OllamaError");
    }
}
