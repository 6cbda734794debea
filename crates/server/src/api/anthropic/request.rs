//! From a request of the Messages API to what is asked.

use super::super::fields::Fields;
use super::super::settings;
use crate::error::ApiError;
use hefu_answer::{Ask, Message, Prompt, Role, Spec, Tool, ToolCall, ToolChoice, join_part};
use serde_json::{Map, Value, json};

/// Parameters that change nothing about an answer here.
const HARMLESS: &[&str] = &["service_tier", "context_management", "inference_geo", "betas", "cache_control"];

/// First words of a system block that a client writes anew into each request. It says nothing to a model, and
/// would keep the prompt's beginning from being used again.
const BILLING_HEADER: &str = "x-anthropic-billing-header";

/// Blocks that say nothing to a model here: what a provider's own tools were asked and gave, and what it alone can read.
const OF_PROVIDERS: &[&str] = &[
    "redacted_thinking",
    "server_tool_use",
    "web_search_tool_result",
    "web_fetch_tool_result",
    "code_execution_tool_result",
    "bash_code_execution_tool_result",
    "text_editor_code_execution_tool_result",
    "tool_search_tool_result",
    "mcp_tool_use",
    "mcp_tool_result",
    "container_upload",
    "compaction",
    "tool_reference",
];

/// A request, and whether a stream is wanted.
///
/// # Errors
/// Whatever is wrong with it.
pub(super) fn read(mut fields: Fields) -> Result<(Ask, bool), ApiError> {
    let max_tokens: usize = fields.need("max_tokens")?;
    if max_tokens == 0 {
        return Err(fields.wrong("max_tokens", "a whole number of at least 1"));
    }
    let is_streaming = fields.take("stream")?.unwrap_or(false);
    let stops: Vec<String> = fields.take("stop_sequences")?.unwrap_or_default();
    let sampling = settings::sampling(&mut fields)?;
    for name in ["mcp_servers", "container", "user_profile_id"] {
        fields.accept(name, |value| value.as_array().is_some_and(Vec::is_empty) || value == "")?;
    }
    let ask = countable(&mut fields)?;
    fields.finish()?;
    Ok((Ask { sampling, stops, max_tokens: Some(max_tokens), ..ask }, is_streaming))
}

/// A request whose prompt is to be counted.
///
/// # Errors
/// Whatever is wrong with it.
pub(super) fn read_countable(mut fields: Fields) -> Result<Ask, ApiError> {
    let ask = countable(&mut fields)?;
    fields.finish()?;
    Ok(ask)
}

/// Fields that make up the prompt.
fn countable(fields: &mut Fields) -> Result<Ask, ApiError> {
    let user = user(fields)?;
    fields.ignore(HARMLESS);
    let mut messages = Vec::new();
    if let Some(system) = fields.take::<Value>("system")? {
        let text = system_text(system)?;
        if !text.is_empty() {
            messages.push(Message::new(Role::System, text));
        }
    }
    let conversation: Vec<Value> = fields.need("messages")?;
    if conversation.is_empty() {
        return Err(fields.wrong("messages", "an array of at least one message"));
    }
    for (at, value) in conversation.into_iter().enumerate() {
        message(value, &format!("messages[{at}]"), &mut messages)?;
    }
    // The start of an answer that is to be continued.
    let continue_last = messages.last().is_some_and(|last| last.role == Role::Assistant && last.calls.is_empty());
    let tools = tools(fields)?;
    let (tool_choice, parallel_tool_calls) = tool_choice(fields, &tools)?;
    Ok(Ask {
        model: fields.take("model")?,
        prompt: Prompt::Messages(messages),
        tools,
        tool_choice,
        parallel_tool_calls,
        format: format(fields)?,
        variables: thinking(fields)?,
        continue_last,
        user,
        ..Ask::default()
    })
}

/// The person for whom a program asks: `user_id` of `metadata`, whatever else that holds.
fn user(fields: &mut Fields) -> Result<Option<String>, ApiError> {
    let Some(metadata) = fields.take("metadata")? else { return Ok(None) };
    let user: Option<String> = Fields::of(metadata, "metadata")?.take("user_id")?;
    Ok(user.filter(|user| !user.is_empty()))
}

fn system_text(system: Value) -> Result<String, ApiError> {
    let blocks = match system {
        Value::String(text) => return Ok(text),
        Value::Array(blocks) => blocks,
        _ => return Err(ApiError::parameter("system", "system must be a text or an array of text blocks")),
    };
    let mut texts = Vec::new();
    for (at, block) in blocks.into_iter().enumerate() {
        let mut block = Fields::of(block, &format!("system[{at}]"))?;
        let text: String = block.need("text")?;
        if !text.starts_with(BILLING_HEADER) {
            texts.push(text);
        }
    }
    Ok(texts.join("\n\n"))
}

/// One message as one or several: results of calls are messages of their own to a template.
fn message(value: Value, place: &str, messages: &mut Vec<Message>) -> Result<(), ApiError> {
    let mut fields = Fields::of(value, place)?;
    let role: String = fields.need("role")?;
    let role = match role.as_str() {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        _ => return Err(fields.wrong("role", "user or assistant")),
    };
    let blocks = match fields.need::<Value>("content")? {
        Value::String(text) => {
            messages.push(Message::new(role, text));
            return Ok(());
        }
        Value::Array(blocks) => blocks,
        _ => return Err(fields.wrong("content", "a text or an array of blocks")),
    };
    let mut message = Message::new(role, "");
    let mut has_own = false;
    for (at, block) in blocks.into_iter().enumerate() {
        let place = format!("{place}.content[{at}]");
        match read_block(block, &place)? {
            Block::Text(text) => join_part(&mut message.text, &text),
            Block::Thinking(text) => message.reasoning.get_or_insert_default().push_str(&text),
            Block::Call(call) => message.calls.push(call),
            Block::Nothing => continue,
            Block::Result { id, text } => {
                let mut result = Message::new(Role::Tool, text);
                result.call_id = Some(id);
                messages.push(result);
                continue;
            }
        }
        has_own = true;
    }
    if has_own {
        messages.push(message);
    }
    Ok(())
}

enum Block {
    Text(String),
    Thinking(String),
    Call(ToolCall),
    Result { id: String, text: String },
    Nothing,
}

fn read_block(value: Value, place: &str) -> Result<Block, ApiError> {
    let mut fields = Fields::of(value, place)?;
    let kind: String = fields.need("type")?;
    match kind.as_str() {
        "text" => fields.need("text").map(Block::Text),
        "thinking" => fields.need("thinking").map(Block::Thinking),
        kind if OF_PROVIDERS.contains(&kind) => Ok(Block::Nothing),
        "tool_use" => {
            let input: Option<Value> = fields.take("input")?;
            Ok(Block::Call(ToolCall {
                id: fields.take("id")?.unwrap_or_default(),
                name: fields.need("name")?,
                arguments: input.map_or_else(|| "{}".to_owned(), |input| input.to_string()),
            }))
        }
        "tool_result" => {
            let id = fields.take("tool_use_id")?.unwrap_or_default();
            let mut text = match fields.take::<Value>("content")? {
                None => String::new(),
                Some(content) => plain_text(content, &format!("{place}.content"))?,
            };
            if fields.take("is_error")?.unwrap_or(false) && !text.to_lowercase().contains("error") {
                text.insert_str(0, "Error: ");
            }
            Ok(Block::Result { id, text })
        }
        "document" if fields.clone().take::<Value>("source")?.is_some_and(|source| source["type"] == "text") => {
            let source: Value = fields.need("source")?;
            Ok(Block::Text(source["data"].as_str().unwrap_or_default().to_owned()))
        }
        other => Err(not_text(place, other)),
    }
}

/// A text, or text blocks joined.
fn plain_text(content: Value, place: &str) -> Result<String, ApiError> {
    let blocks = match content {
        Value::String(text) => return Ok(text),
        Value::Array(blocks) => blocks,
        other => return Ok(other.to_string()),
    };
    let mut text = String::new();
    for (at, block) in blocks.into_iter().enumerate() {
        let place = format!("{place}[{at}]");
        match read_block(block, &place)? {
            Block::Text(more) => join_part(&mut text, &more),
            Block::Nothing => {}
            _ => return Err(not_text(&place, "no text")),
        }
    }
    Ok(text)
}

fn not_text(place: &str, kind: &str) -> ApiError {
    let sentence = format!("{place} is \"{kind}\", but this server's models read text only");
    ApiError::parameter(place, sentence).code("unsupported_content")
}

/// Functions. Tools that the provider itself would run are passed over: there is nobody here to run them.
fn tools(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    let values: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let mut tools = Vec::new();
    for (at, value) in values.into_iter().enumerate() {
        let mut entry = Fields::of(value, &format!("tools[{at}]"))?;
        let kind: Option<String> = entry.take("type")?;
        if kind.is_some_and(|kind| kind != "custom") {
            continue;
        }
        tools.push(Tool {
            name: entry.need("name")?,
            description: entry.take("description")?,
            parameters: entry.take::<Map<String, Value>>("input_schema")?.map(Value::Object),
            strict: entry.take("strict")?.unwrap_or(false),
        });
    }
    Ok(tools)
}

/// Permission or duty to call a function, and permission to call several.
fn tool_choice(fields: &mut Fields, tools: &[Tool]) -> Result<(ToolChoice, Option<bool>), ApiError> {
    let Some(value) = fields.take::<Value>("tool_choice")? else { return Ok((ToolChoice::Auto, None)) };
    let mut choice = Fields::of(value, "tool_choice")?;
    let kind: String = choice.need("type")?;
    let is_parallel = choice.take("disable_parallel_tool_use")?.map(|disabled: bool| !disabled);
    let choice = match kind.as_str() {
        "auto" => ToolChoice::Auto,
        "none" => ToolChoice::None,
        "any" if tools.is_empty() => return Err(choice.wrong("type", "auto or none where there are no tools")),
        "any" => ToolChoice::Required,
        "tool" => {
            let name: String = choice.need("name")?;
            if !tools.iter().any(|tool| tool.name == name) {
                return Err(choice.wrong("name", "the name of one of the tools"));
            }
            ToolChoice::Named(name)
        }
        _ => return Err(choice.wrong("type", "auto, any, tool or none")),
    };
    Ok((choice, is_parallel))
}

/// A schema that the answer must keep to.
fn format(fields: &mut Fields) -> Result<Option<Spec>, ApiError> {
    let config: Option<Map<String, Value>> = fields.take("output_config")?;
    let inner = config.and_then(|mut config| config.remove("format"));
    let Some(format) = fields.take::<Value>("output_format")?.or(inner) else { return Ok(None) };
    let mut format = Fields::of(format, "output_format")?;
    let kind: String = format.need("type")?;
    match kind.as_str() {
        "json_schema" => format.need("schema").map(|schema| Some(Spec::JsonSchema(schema))),
        _ => Err(format.wrong("type", "json_schema")),
    }
}

/// Variables by which the model thinks first, for templates that know of it.
fn thinking(fields: &mut Fields) -> Result<Map<String, Value>, ApiError> {
    let mut variables = Map::new();
    if let Some(value) = fields.take::<Value>("thinking")? {
        let mut thinking = Fields::of(value, "thinking")?;
        let kind: String = thinking.need("type")?;
        let is_wanted = match kind.as_str() {
            "enabled" | "adaptive" => true,
            "disabled" => false,
            _ => return Err(thinking.wrong("type", "enabled, adaptive or disabled")),
        };
        variables.insert("enable_thinking".to_owned(), json!(is_wanted));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: Value) -> Result<(Ask, bool), ApiError> {
        read(Fields::parse(value.to_string().as_bytes())?)
    }

    fn param(value: Value) -> String {
        of(value).unwrap_err().param.unwrap()
    }

    #[test]
    fn a_conversation_with_calls_is_read() {
        let (ask, is_streaming) = of(json!({
            "model": "m", "max_tokens": 9, "stream": true, "stop_sequences": ["x"], "temperature": 0.5,
            "system": [{"type": "text", "text": "x-anthropic-billing-header: abc"},
                {"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
            "metadata": {"user_id": "u"}, "thinking": {"type": "enabled", "budget_tokens": 1024},
            "tools": [{"name": "f", "input_schema": {"type": "object"}}, {"type": "web_search_20250305", "name": "w"}],
            "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": ""},
                    {"type": "text", "text": "c"}, {"type": "tool_use", "id": "1", "name": "f", "input": {"x": 1}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "42"},
                    {"type": "text", "text": "and?"}]},
            ],
        }))
        .unwrap();
        assert!(is_streaming && ask.parallel_tool_calls == Some(false) && !ask.continue_last);
        assert_eq!((ask.max_tokens, ask.stops, ask.tools.len()), (Some(9), vec!["x".to_owned()], 1));
        assert_eq!(ask.tool_choice, ToolChoice::Named("f".to_owned()));
        assert_eq!(ask.variables["enable_thinking"], true);
        let Prompt::Messages(messages) = ask.prompt else { panic!() };
        let roles: Vec<(Role, &str)> = messages.iter().map(|message| (message.role, message.text.as_str())).collect();
        let expected = [
            (Role::System, "be brief"),
            (Role::User, "a\nb"),
            (Role::Assistant, "c"),
            (Role::Tool, "42"),
            (Role::User, "and?"),
        ];
        assert_eq!(roles, expected);
        assert_eq!(messages[2].reasoning.as_deref(), Some("hm"));
        assert_eq!(messages[2].calls[0].arguments, "{\"x\":1}");
        assert_eq!(messages[3].call_id.as_deref(), Some("1"));
    }

    #[test]
    fn what_a_providers_tools_did_is_passed_over() {
        let blocks = json!([
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "tides"}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "mcp_tool_use", "id": "m", "name": "f", "server_name": "x", "input": {}},
            {"type": "mcp_tool_result", "tool_use_id": "m", "content": []},
            {"type": "code_execution_tool_result", "tool_use_id": "s", "content": {"stdout": "1"}},
            {"type": "text", "text": "At six."},
        ]);
        let messages = json!([{"role": "user", "content": "When?"}, {"role": "assistant", "content": blocks},
            {"role": "user", "content": "And then?"}]);
        let (ask, _) = of(json!({"max_tokens": 1, "messages": messages, "mcp_servers": []})).unwrap();
        let Prompt::Messages(messages) = ask.prompt else { panic!() };
        assert_eq!((messages.len(), messages[1].text.as_str()), (3, "At six."));
    }

    #[test]
    fn an_answer_that_has_begun_is_continued() {
        let messages = json!([{"role": "user", "content": "hi"}, {"role": "assistant", "content": "The"}]);
        assert!(of(json!({"max_tokens": 1, "messages": messages})).unwrap().0.continue_last);
    }

    #[test]
    fn mistakes_are_named() {
        let hi = json!([{"role": "user", "content": "hi"}]);
        assert_eq!(param(json!({"messages": hi})), "max_tokens");
        assert_eq!(param(json!({"messages": hi, "max_tokens": 0})), "max_tokens");
        assert_eq!(param(json!({"messages": [], "max_tokens": 1})), "messages");
        assert_eq!(param(json!({"messages": hi, "max_tokens": 1, "container": "x"})), "container");
        assert_eq!(param(json!({"messages": hi, "max_tokens": 1, "tool_choice": {"type": "any"}})), "tool_choice.type");
        let image = json!([{"role": "user", "content": [{"type": "image", "source": {}}]}]);
        assert_eq!(param(json!({"messages": image, "max_tokens": 1})), "messages[0].content[0]");
    }
}
