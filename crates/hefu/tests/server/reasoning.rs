//! Reasoning is told apart from the answer.

use crate::process::Home;
use serde_json::{Value, json};

/// A template that leaves the answer in the middle of reasoning where it is asked to.
const TEMPLATE: &str = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}\
                        {% if enable_thinking %}<think>\n{% endif %}";

#[test]
fn reasoning_has_both_names_that_clients_read() {
    let home = Home::new();
    std::fs::write(home.path("template.jinja"), TEMPLATE).unwrap();
    let server = home.serve(&["--template", home.path("template.jinja").to_str().unwrap()]);
    let ask = |enable_thinking: bool, stream: bool| {
        let messages = json!([{"role": "user", "content": "hi"}]);
        let body = json!({"messages": messages, "max_tokens": 20, "seed": 3, "temperature": 1.1,
            "enable_thinking": enable_thinking, "stream": stream});
        server.post("/v1/chat/completions", &body)
    };
    let whole = ask(true, false).success();
    let message = &whole["choices"][0]["message"];
    let reasoning = message["reasoning_content"].as_str().unwrap();
    assert!(!reasoning.is_empty() && message["reasoning"] == reasoning, "{message}");
    assert_eq!(message["content"], "", "it was cut off before its answer");
    let events = ask(true, true).events();
    let deltas: Vec<&Value> = events.iter().map(|event| &event["choices"][0]["delta"]).collect();
    let told = |name: &str| deltas.iter().filter_map(|delta| delta[name].as_str()).collect::<String>();
    assert_eq!((told("reasoning_content").as_str(), told("reasoning").as_str()), (reasoning, reasoning));
    assert!(deltas.iter().all(|delta| delta["reasoning_content"] == delta["reasoning"]), "{deltas:?}");
    // The same without the template's beginning is an answer, and neither name is there.
    let plain = ask(false, false).success();
    let message = plain["choices"][0]["message"].as_object().unwrap();
    assert!(!message.contains_key("reasoning_content") && !message.contains_key("reasoning"), "{message:?}");
}
