//! A model that must call a function does not know when it has called enough.

use crate::process::Home;
use serde_json::{Value, json};

/// Calls as Hermes models write them, so that several can follow each other.
const TEMPLATE: &str = "{% for tool in tools %}<tool_call>{{ tool.function.name }}</tool_call>{% endfor %}\
                        {% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";

fn asked(more: &Value) -> Value {
    let parameters = json!({"type": "object", "properties": {"x": {"enum": ["a", "b"]}}, "required": ["x"],
        "additionalProperties": false});
    let tools = json!([{"type": "function", "function": {"name": "f", "parameters": parameters}}]);
    let mut body = json!({"messages": [{"role": "user", "content": "call"}], "tools": tools, "seed": 1,
        "temperature": 2, "tool_choice": "required"});
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[test]
fn calls_that_must_be_made_come_to_an_end_by_themselves() {
    let home = Home::new();
    std::fs::write(home.path("calls.jinja"), TEMPLATE).unwrap();
    let server = home.serve(&["--template", "calls.jinja"]);
    let calls = |more: Value| -> usize {
        let answer = server.post("/v1/chat/completions", &asked(&more)).success();
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{answer}");
        let calls = choice["message"]["tool_calls"].as_array().unwrap();
        for call in calls {
            let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
            assert!(arguments["x"] == "a" || arguments["x"] == "b", "{arguments}");
        }
        calls.len()
    };
    assert_eq!(calls(json!({})), 1);
    assert_eq!(calls(json!({"parallel_tool_calls": false})), 1);
    let named = json!({"type": "function", "function": {"name": "f"}});
    assert_eq!(calls(json!({"tool_choice": named, "parallel_tool_calls": true})), 1);
    // With every token that could end an answer forbidden, only the limit is left to end it.
    let many: Vec<usize> =
        (0..8).map(|seed| calls(json!({"parallel_tool_calls": true, "seed": seed, "ignore_eos": true}))).collect();
    assert!(many.iter().all(|calls| (1..=8).contains(calls)) && many.contains(&8), "{many:?}");
}
