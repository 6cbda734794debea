//! Messages of a conversation, read leniently: what earlier answers left behind must never spoil a later request.

use super::super::fields::Fields;
use crate::error::ApiError;
use hefu_answer::{Message, Role, ToolCall, join_part};
use serde_json::Value;

/// The messages of a request.
///
/// # Errors
/// A message without a known role, or with a part that is no text.
pub fn messages(values: Vec<Value>) -> Result<Vec<Message>, ApiError> {
    values.into_iter().enumerate().map(|(at, value)| message(value, &format!("messages[{at}]"))).collect()
}

fn message(value: Value, place: &str) -> Result<Message, ApiError> {
    let mut fields = Fields::of(value, place)?;
    let role: String = fields.need("role")?;
    let role = match role.as_str() {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" | "function" => Role::Tool,
        _ => return Err(fields.wrong("role", "system, developer, user, assistant or tool")),
    };
    let text = match fields.take::<Value>("content")? {
        None => String::new(),
        Some(content) => content_text(content, &format!("{place}.content"))?,
    };
    let mut message = Message::new(role, text);
    message.reasoning = text_of(&mut fields, &["reasoning_content", "reasoning"]);
    message.name = text_of(&mut fields, &["name"]);
    message.call_id = text_of(&mut fields, &["tool_call_id"]);
    if role == Role::Assistant {
        let calls: Vec<Value> = fields.take("tool_calls")?.unwrap_or_default();
        message.calls = calls.into_iter().filter_map(call).collect();
    }
    // Whatever else a message carries (annotations, audio that was answered, a refusal) is no part of the prompt.
    Ok(message)
}

/// The first of some fields that is a text.
fn text_of(fields: &mut Fields, names: &[&str]) -> Option<String> {
    names.iter().filter_map(|name| fields.take::<String>(name).ok().flatten()).next()
}

/// A content as one text: as it is, or its parts joined.
fn content_text(content: Value, place: &str) -> Result<String, ApiError> {
    let parts = match content {
        Value::String(text) => return Ok(text),
        Value::Array(parts) => parts,
        _ => return Err(ApiError::parameter(place, format!("{place} must be a text or an array of parts"))),
    };
    let mut text = String::new();
    for (at, part) in parts.into_iter().enumerate() {
        let place = format!("{place}[{at}]");
        let mut fields = match part {
            Value::String(piece) => {
                join_part(&mut text, &piece);
                continue;
            }
            part => Fields::of(part, &place)?,
        };
        let kind: Option<String> = fields.take("type")?;
        match kind.as_deref() {
            None | Some("text" | "input_text" | "output_text") => {
                join_part(&mut text, &fields.need::<String>("text")?);
            }
            Some("refusal") => join_part(&mut text, &fields.take::<String>("refusal")?.unwrap_or_default()),
            Some(other) => {
                let sentence = format!("{place}.type is \"{other}\", but this server's models read text only");
                return Err(ApiError::parameter(place, sentence).code("unsupported_content"));
            }
        }
    }
    Ok(text)
}

/// An earlier call; one that has no name is passed over.
fn call(value: Value) -> Option<ToolCall> {
    let name = value.pointer("/function/name")?.as_str()?.to_owned();
    let arguments = match value.pointer("/function/arguments") {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => "{}".to_owned(),
        Some(other) => other.to_string(),
    };
    let id = value.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(ToolCall { id, name, arguments })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn contents_of_every_kind_become_one_text() {
        let read = messages(vec![
            json!({"role": "developer", "content": "be brief"}),
            json!({"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}),
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{\"x\":"}},
                {"id": "c2", "type": "custom"},
            ], "refusal": null, "annotations": []}),
            json!({"role": "tool", "tool_call_id": "c1", "content": "42"}),
        ]);
        let read = read.unwrap();
        assert_eq!((read[0].role, read[0].text.as_str()), (Role::System, "be brief"));
        assert_eq!(read[1].text, "a\nb");
        assert_eq!(read[2].calls, [ToolCall { id: "c1".into(), name: "f".into(), arguments: "{\"x\":".into() }]);
        assert_eq!(read[3].call_id.as_deref(), Some("c1"));
    }

    #[test]
    fn an_image_is_refused_by_its_place() {
        let image = json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:"}}]});
        let error = messages(vec![image]).unwrap_err();
        assert_eq!(error.param.as_deref(), Some("messages[0].content[0]"));
        for (bad, param) in [
            (json!({"role": "king"}), "messages[0].role"),
            (json!({"content": "x"}), "messages[0].role"),
            (json!({"role": "user", "content": 3}), "messages[0].content"),
            (json!("x"), "messages[0]"),
        ] {
            assert_eq!(messages(vec![bad]).unwrap_err().param.as_deref(), Some(param));
        }
    }
}
