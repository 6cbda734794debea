//! `/api/chat`.

use super::super::answered;
use super::super::fields::Fields;
use super::super::openai::tools;
use super::super::sse;
use super::options::{pass_over, shared};
use super::output::{Lines, Shape};
use crate::answer::Answer;
use crate::error::{ApiError, json_response};
use crate::service::{Caller, Service};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use hefu_answer::{Ask, Message, Prompt, Role, ToolCall};
use serde_json::Value;
use std::sync::Arc;

/// Answers a conversation.
///
/// # Errors
/// Whatever is wrong with the request, or kept it from being answered.
pub async fn chat(
    State(service): State<Arc<Service>>,
    Extension(caller): Extension<Caller>,
    mut fields: Fields,
) -> Result<Response, ApiError> {
    let model = super::model(&mut fields, &service.registry)?;
    let (ask, is_streaming) = read(fields)?;
    let ask = Ask { model, ..ask };
    if matches!(&ask.prompt, Prompt::Messages(messages) if messages.is_empty()) {
        return super::load::load(&service, &caller, ask, Shape::Chat).await;
    }
    respond(service.answer(&caller, ask).await?, Shape::Chat, is_streaming).await
}

/// An answer as lines, or whole.
pub(super) async fn respond(mut answer: Answer, shape: Shape, is_streaming: bool) -> Result<Response, ApiError> {
    if is_streaming {
        let frame = answer.without_pieces();
        let lines = Lines::new(&frame, shape);
        return Ok(answered(&frame, sse::lines_of(vec![answer], lines)));
    }
    let (choices, summary) = answer.collect().await?;
    let choice = choices.into_iter().next().unwrap_or_default();
    let whole = Lines::new(&answer, shape).whole(&choice, &summary);
    Ok(answered(&answer, json_response(StatusCode::OK, &whole)))
}

fn read(mut fields: Fields) -> Result<(Ask, bool), ApiError> {
    let conversation: Vec<Value> = fields.take("messages")?.unwrap_or_default();
    let (ask, is_streaming) = shared(&mut fields)?;
    let tools = tools(&mut fields)?;
    pass_over(fields);
    let messages = conversation.into_iter().enumerate().map(|(at, value)| message(value, &format!("messages[{at}]")));
    let messages: Vec<Message> = messages.collect::<Result<_, _>>()?;
    // Here, too, an answer that has begun is continued.
    let continue_last = messages.last().is_some_and(|last| last.role == Role::Assistant && last.calls.is_empty());
    Ok((Ask { prompt: Prompt::Messages(messages), tools, continue_last, ..ask }, is_streaming))
}

fn message(value: Value, place: &str) -> Result<Message, ApiError> {
    let mut fields = Fields::of(value, place)?;
    let role: String = fields.need("role")?;
    let role = match role.as_str() {
        "system" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => return Err(fields.wrong("role", "system, user, assistant or tool")),
    };
    let mut message = Message::new(role, fields.take::<String>("content")?.unwrap_or_default());
    no_images(&mut fields, place)?;
    message.reasoning = fields.take("thinking")?;
    message.name = fields.take_any(&["tool_name", "name"])?;
    message.call_id = fields.take("tool_call_id")?;
    let calls: Vec<Value> = fields.take("tool_calls")?.unwrap_or_default();
    message.calls = calls.into_iter().filter_map(call).collect();
    Ok(message)
}

/// Refuses images, which the models of this server do not see.
pub(super) fn no_images(fields: &mut Fields, place: &str) -> Result<(), ApiError> {
    match fields.take::<Vec<Value>>("images")? {
        Some(images) if !images.is_empty() => {
            let place = format!("{place}.images");
            let sentence =
                format!("{} holds images, but this server's models read text only", place.trim_start_matches('.'));
            Err(ApiError::parameter(place.trim_start_matches('.'), sentence).code("unsupported_content"))
        }
        _ => Ok(()),
    }
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

    fn of(value: Value) -> Result<(Ask, bool), ApiError> {
        read(Fields::parse(value.to_string().as_bytes())?)
    }

    #[test]
    fn a_conversation_with_calls_is_read() {
        let (ask, is_streaming) = of(json!({"stream": false, "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "", "thinking": "hm",
                "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
            {"role": "tool", "tool_name": "f", "content": "42"},
        ], "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]}))
        .unwrap();
        assert!(!is_streaming && ask.tools.len() == 1);
        let Prompt::Messages(messages) = ask.prompt else { panic!() };
        assert_eq!(messages[1].calls[0].arguments, "{\"x\":1}");
        assert_eq!(messages[2].name.as_deref(), Some("f"));
    }

    #[test]
    fn mistakes_are_named() {
        let images = json!({"messages": [{"role": "user", "content": "x", "images": ["aaaa"]}]});
        assert_eq!(of(images).unwrap_err().param.as_deref(), Some("messages[0].images"));
        assert_eq!(of(json!({"messages": [{"role": "x"}]})).unwrap_err().param.as_deref(), Some("messages[0].role"));
        let (ask, _) = of(json!({"adapters": 1})).unwrap();
        assert_eq!(ask.prompt, Prompt::Messages(Vec::new()), "what Ollama does not know is passed over");
    }
}
