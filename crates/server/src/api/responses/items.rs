//! Items: what a conversation and a response are made of.

use super::super::fields::Fields;
use super::earlier::Earlier;
use crate::error::ApiError;
use hefu_answer::{Choice, Token, TokenLogprob};
use hefu_answer::{Message, Role, ToolCall, join_part};
use serde_json::{Value, json};

/// Items about tools that a provider would have run. They hold nothing that a model here could read, and clients send back
/// what they were once given, by whichever server it was.
const OF_PROVIDERS: &[&str] = &[
    "web_search_call",
    "file_search_call",
    "image_generation_call",
    "code_interpreter_call",
    "computer_call",
    "mcp_list_tools",
    "mcp_call",
    "tool_search_call",
    "tool_search_output",
];

/// `input`: a text, or items.
///
/// # Errors
/// An item of a kind that is not known, or a part that is no text.
pub(super) fn input(value: Value, earlier: &Earlier<'_>, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let items = match value {
        Value::String(text) => {
            messages.push(Message::new(Role::User, text));
            return Ok(());
        }
        Value::Array(items) if !items.is_empty() => items,
        _ => return Err(ApiError::parameter("input", "input must be a text or an array of at least one item")),
    };
    // Reasoning belongs to what the model says after it.
    let mut reasoning = None;
    for (at, item) in items.into_iter().enumerate() {
        let place = format!("input[{at}]");
        let item = referred(item, &place, earlier)?;
        item_of(item, &place, messages, &mut reasoning)?;
    }
    Ok(())
}

/// An item, or the one of an earlier response that it refers to.
fn referred(item: Value, place: &str, earlier: &Earlier<'_>) -> Result<Value, ApiError> {
    let id = item.get("id").and_then(Value::as_str);
    let is_reference = match item.get("type").and_then(Value::as_str) {
        Some("item_reference") => true,
        // Clients also leave the kind out.
        None => item.as_object().is_some_and(|fields| fields.len() == 1 && id.is_some()),
        Some(_) => false,
    };
    if !is_reference {
        return Ok(item);
    }
    earlier.answer(id.unwrap_or_default()).ok_or_else(|| {
        let id = id.unwrap_or_default();
        let sentence =
            format!("{place} refers to the item {id:?}, which is not kept here (any more); send the item itself");
        ApiError::parameter(place, sentence).code("item_not_found")
    })
}

/// An answer's items as the message that they were.
pub(super) fn answered(output: &Value) -> Message {
    let (mut messages, mut reasoning) = (Vec::new(), None);
    for item in output.as_array().into_iter().flatten() {
        // They were written here, so that each can be read.
        let _ = item_of(item.clone(), "output", &mut messages, &mut reasoning);
    }
    let mut message = messages.into_iter().next().unwrap_or_else(|| Message::new(Role::Assistant, ""));
    message.reasoning = message.reasoning.or(reasoning);
    message
}

fn item_of(
    value: Value,
    place: &str,
    messages: &mut Vec<Message>,
    reasoning: &mut Option<String>,
) -> Result<(), ApiError> {
    let mut fields = Fields::of(value, place)?;
    let kind: Option<String> = fields.take("type")?;
    match kind.as_deref().unwrap_or("message") {
        "message" => {
            let mut message = message(&mut fields, place)?;
            if message.role == Role::Assistant {
                message.reasoning = reasoning.take();
            }
            messages.push(message);
        }
        "function_call" | "custom_tool_call" => {
            let arguments: Option<String> = fields.take("arguments")?;
            let input: Option<String> = fields.take("input")?;
            let call = ToolCall {
                id: fields.take("call_id")?.unwrap_or_default(),
                name: fields.need("name")?,
                arguments: arguments.or(input).unwrap_or_else(|| "{}".to_owned()),
            };
            add_call(call, messages, reasoning);
        }
        "local_shell_call" => {
            let action: Option<Value> = fields.take("action")?;
            let arguments = action.map_or_else(|| "{}".to_owned(), |action| action.to_string());
            let id = fields.take_any(&["call_id", "id"])?.unwrap_or_default();
            add_call(ToolCall { id, name: "local_shell".to_owned(), arguments }, messages, reasoning);
        }
        "function_call_output" | "custom_tool_call_output" | "local_shell_call_output" => {
            let output: Value = fields.take("output")?.unwrap_or_default();
            let mut message = Message::new(Role::Tool, text(output, &format!("{place}.output"))?);
            message.call_id = fields.take_any(&["call_id", "id"])?;
            messages.push(message);
        }
        "reasoning" => {
            let parts: Option<Value> = fields.take("content")?;
            let summary: Option<Value> = fields.take("summary")?;
            let parts = parts.filter(|parts| parts != &json!([])).or(summary).unwrap_or_else(|| json!([]));
            *reasoning = Some(text(parts, place)?).filter(|text| !text.is_empty());
        }
        other if OF_PROVIDERS.contains(&other) => {}
        other => {
            let sentence = format!("{place}.type is \"{other}\", which this server does not know; leave the item out");
            return Err(ApiError::parameter(place, sentence).code("unsupported_item"));
        }
    }
    Ok(())
}

/// Adds a call to the message in which the model made it.
fn add_call(call: ToolCall, messages: &mut Vec<Message>, reasoning: &mut Option<String>) {
    match messages.last_mut().filter(|last| last.role == Role::Assistant) {
        Some(last) => last.calls.push(call),
        None => {
            let mut message = Message::new(Role::Assistant, "");
            message.reasoning = reasoning.take();
            message.calls.push(call);
            messages.push(message);
        }
    }
}

fn message(fields: &mut Fields, place: &str) -> Result<Message, ApiError> {
    let role: String = fields.need("role")?;
    let role = match role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => return Err(fields.wrong("role", "system, developer, user or assistant")),
    };
    Ok(Message::new(role, text(fields.need("content")?, &format!("{place}.content"))?))
}

/// A text, or the texts of parts joined.
fn text(value: Value, place: &str) -> Result<String, ApiError> {
    let parts = match value {
        Value::String(text) => return Ok(text),
        Value::Null => return Ok(String::new()),
        Value::Array(parts) => parts,
        other => return Ok(other.to_string()),
    };
    let mut text = String::new();
    for (at, part) in parts.into_iter().enumerate() {
        let place = format!("{place}[{at}]");
        let mut part = Fields::of(part, &place)?;
        let kind: String = part.need("type")?;
        match kind.as_str() {
            "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text" => {
                join_part(&mut text, &part.need::<String>("text")?);
            }
            "refusal" => join_part(&mut text, &part.need::<String>("refusal")?),
            other => {
                let sentence = format!("{place}.type is \"{other}\", but this server's models read text only");
                return Err(ApiError::parameter(place, sentence).code("unsupported_content"));
            }
        }
    }
    Ok(text)
}

/// The items of a whole answer.
pub(super) fn output(answer: &str, choice: &Choice) -> Vec<Value> {
    let mut items = Vec::new();
    if !choice.reasoning.is_empty() {
        items.push(reasoning_item(answer, &choice.reasoning));
    }
    if !choice.text.is_empty() || choice.calls.is_empty() {
        items.push(message_item(answer, &choice.text, &choice.logprobs));
    }
    items.extend(choice.calls.iter().enumerate().map(|(at, call)| call_item(answer, at, call, "completed")));
    items
}

/// The item of what was thought.
pub(super) fn reasoning_item(answer: &str, text: &str) -> Value {
    let content = if text.is_empty() { json!([]) } else { json!([{"type": "reasoning_text", "text": text}]) };
    json!({"type": "reasoning", "id": format!("rs_{answer}"), "summary": [], "content": content})
}

/// The item of what was said.
pub(super) fn message_item(answer: &str, text: &str, tokens: &[TokenLogprob]) -> Value {
    json!({
        "type": "message",
        "id": format!("msg_{answer}"),
        "status": "completed",
        "role": "assistant",
        "content": [text_part(text, tokens)],
    })
}

/// A text as a part of a message.
pub(super) fn text_part(text: &str, tokens: &[TokenLogprob]) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs(tokens)})
}

/// The item of a call.
pub(super) fn call_item(answer: &str, at: usize, call: &ToolCall, status: &str) -> Value {
    json!({
        "type": "function_call",
        "id": format!("fc_{answer}_{at}"),
        "call_id": call.id,
        "name": call.name,
        "arguments": call.arguments,
        "status": status,
    })
}

/// Log-probabilities of tokens.
pub(super) fn logprobs(tokens: &[TokenLogprob]) -> Value {
    let one = |token: &Token, logprob: f32| json!({"token": token.text(), "logprob": logprob, "bytes": token.bytes});
    let entry = |entry: &TokenLogprob| {
        let mut value = one(&entry.token, entry.logprob);
        value["top_logprobs"] = entry.top.iter().map(|(token, logprob)| one(token, *logprob)).collect();
        value
    };
    tokens.iter().map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::super::kept::{Kept, ResponseStore};
    use super::*;

    fn of(value: Value) -> Result<Vec<Message>, ApiError> {
        let mut messages = Vec::new();
        let (shelf, mut own) = (ResponseStore::default(), Message::new(Role::Assistant, "The sum is 4."));
        own.reasoning = Some("2 and 2".to_owned());
        let body = json!({"output": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "2 and 2"}]},
            {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "The sum is 4."}]},
        ]});
        assert_eq!(answered(&body["output"]), own);
        shelf.keep(
            "me",
            "1".to_owned(),
            Kept { before: None, input: Vec::new(), output: own, body: body.to_string().into() },
        );
        input(value, &Earlier { shelf: &shelf, client: "me" }, &mut messages).map(|()| messages)
    }

    #[test]
    fn calls_and_reasoning_join_the_message_they_belong_to() {
        let messages = of(json!([
            {"role": "user", "content": [{"type": "input_text", "text": "hi"}]},
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
            {"type": "message", "role": "assistant", "phase": "commentary", "content": "Let me look."},
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
            {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "1", "output": "42"},
            {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "43"}]},
            {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "x"}},
            {"type": "function_call", "call_id": "3", "name": "h", "arguments": "{}"},
            {"type": "local_shell_call", "call_id": "4", "action": {"type": "exec", "command": ["ls"]}},
            {"type": "local_shell_call_output", "id": "4", "output": "a.txt"},
        ]))
        .unwrap();
        let roles: Vec<Role> = messages.iter().map(|message| message.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Tool, Role::Tool, Role::Assistant, Role::Tool]);
        assert_eq!((messages[1].reasoning.as_deref(), messages[1].calls.len()), (Some("hm"), 2));
        assert_eq!((messages[3].text.as_str(), messages[4].calls.len()), ("43", 2));
        assert_eq!(messages[4].calls[1].arguments, r#"{"type":"exec","command":["ls"]}"#);
        assert_eq!(messages[5].call_id.as_deref(), Some("4"));
    }

    #[test]
    fn items_of_earlier_responses_are_found_by_their_ids() {
        let messages = of(json!([
            {"role": "user", "content": "2 and 2?"}, {"type": "item_reference", "id": "rs_1"}, {"id": "msg_1"},
        ]))
        .unwrap();
        assert_eq!((messages.len(), messages[1].text.as_str()), (2, "The sum is 4."));
        assert_eq!(messages[1].reasoning.as_deref(), Some("2 and 2"));
        let unknown = of(json!([{"type": "item_reference", "id": "msg_2"}])).unwrap_err();
        assert_eq!((unknown.param.as_deref(), unknown.code), (Some("input[0]"), Some("item_not_found")));
    }

    #[test]
    fn mistakes_are_named() {
        for (value, param) in [
            (json!([]), "input"),
            (json!([{"type": "item_reference", "id": "x"}]), "input[0]"),
            (json!([{"role": "user", "content": [{"type": "input_image"}]}]), "input[0].content[0]"),
            (json!([{"role": "x", "content": ""}]), "input[0].role"),
        ] {
            assert_eq!(of(value).unwrap_err().param.as_deref(), Some(param));
        }
    }
}
