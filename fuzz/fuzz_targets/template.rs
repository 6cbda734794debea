//! Any chat template, rendered with any text in a conversation that has everything.
//!
//! The data, parts separated by the byte 0xFF (which no UTF-8 text holds): template, text, role.
#![no_main]

use std::sync::{Arc, OnceLock};

use hefu_text::template::{ChatTemplate, Conversation, Message, Specials};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(3, |byte| *byte == 0xff).map(String::from_utf8_lossy);
    let mut part = || parts.next().unwrap_or_default();
    let (source, text, role) = (part(), part(), part());
    let specials = Specials { bos_token: Some("<s>".into()), eos_token: Some("</s>".into()), ..Specials::default() };
    let template = match ChatTemplate::new(&source, specials) {
        Ok(template) => template,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    if let Err(error) = template.render(&conversation(&text, &role)) {
        assert!(!error.to_string().is_empty());
    }
});

fn conversation(text: &str, role: &str) -> Conversation {
    static CALLS: OnceLock<Value> = OnceLock::new();
    static TOOL: OnceLock<Value> = OnceLock::new();
    let calls = CALLS.get_or_init(|| {
        json!([{"id": "1", "type": "function", "function": {"name": "add", "arguments": {"a": 1, "b": [2.5, null]}}}])
    });
    let tool = TOOL.get_or_init(|| {
        json!({"type": "function", "function": {"name": "add", "description": "Adds.", "parameters":
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}})
    });
    let messages = vec![
        Message::system("Answer."),
        Message::user(text),
        Message::assistant("").with("tool_calls", calls.clone()).with("reasoning_content", text),
        Message::new("tool", "3").with("tool_call_id", "1"),
        Message::new(role, text).with("content", json!([{"type": "text", "text": text}])),
    ];
    let mut conversation = Conversation::new(messages);
    conversation.tools = Some(vec![tool.clone()]);
    conversation.variables.insert("enable_thinking".into(), Value::Bool(true));
    // Not the machine's clock: the same data must always do the same.
    conversation.clock = Arc::new(|| 1_700_000_000);
    conversation
}
