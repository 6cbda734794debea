//! From a request of the Responses API to what is asked.

use super::super::fields::{Fields, Texts};
use super::super::neutral;
use super::super::settings;
use super::earlier::Earlier;
use super::items;
use crate::error::ApiError;
use hefu_answer::{Ask, Message, Prompt, Role, Spec, Tool, ToolChoice};
use serde_json::{Map, Value, json};

/// Parameters that change nothing about an answer here.
const HARMLESS: &[&str] = &["stream_options", "client_metadata", "max_tool_calls", "moderation"];

/// Content of a request.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) ask: Ask,
    pub(super) is_streaming: bool,
    /// Fields of the request that its response repeats.
    pub(super) echo: Map<String, Value>,
    /// True if the response is to be kept.
    pub(super) is_kept: bool,
    /// The response that the request goes on from, without a prefix.
    pub(super) before: Option<String>,
    /// Messages that the request adds to the conversation, without instructions.
    pub(super) input: Vec<Message>,
}

/// Messages before the input: the instructions, and what was said earlier.
fn begun(instructions: Option<&str>, before: Option<&str>, earlier: &Earlier<'_>) -> Result<Vec<Message>, ApiError> {
    let mut messages = Vec::new();
    if let Some(text) = instructions.filter(|text| !text.is_empty()) {
        messages.push(Message::new(Role::System, text.to_owned()));
    }
    if let Some(id) = before {
        messages.extend(earlier.conversation(id)?);
    }
    Ok(messages)
}

/// Reads a request.
///
/// # Errors
/// Whatever is wrong with it.
pub(super) fn read(mut fields: Fields, earlier: &Earlier<'_>) -> Result<Wanted, ApiError> {
    let mut echo = Map::new();
    refuse_state(&mut fields)?;
    let is_kept = fields.take("store")?.unwrap_or(true);
    let before: Option<String> = fields.take("previous_response_id")?;
    let is_streaming = fields.take("stream")?.unwrap_or(false);
    let instructions: Option<String> = fields.take("instructions")?;
    let mut messages = begun(instructions.as_deref(), before.as_deref(), earlier)?;
    let mut input = Vec::new();
    items::input(fields.need("input")?, earlier, &mut input)?;
    messages.extend(input.iter().cloned());
    let (tools, shown) = tools(&mut fields)?;
    let tool_choice = tool_choice(&mut fields, &tools, &mut echo)?;
    let parallel_tool_calls: Option<bool> = fields.take("parallel_tool_calls")?;
    let max_tokens = settings::max_tokens(&mut fields, &["max_output_tokens"])?;
    let top_logprobs: Option<u32> = fields.take("top_logprobs")?;
    let wants_logprobs = includes_logprobs(&mut fields)? || top_logprobs.is_some_and(|top| top > 0);
    let format = text_format(&mut fields, &mut echo)?;
    let variables = reasoning(&mut fields, &mut echo)?;
    for (name, value) in [
        ("instructions", json!(instructions)),
        ("previous_response_id", json!(before)),
        ("store", json!(is_kept)),
        ("tools", json!(shown)),
        ("parallel_tool_calls", json!(parallel_tool_calls.unwrap_or(true))),
        ("max_output_tokens", json!(max_tokens)),
        ("top_logprobs", json!(top_logprobs.unwrap_or(0))),
    ] {
        echo.insert(name.to_owned(), value);
    }
    repeat(&fields, &mut echo)?;
    let user = settings::user(&mut fields)?;
    fields.ignore(settings::HARMLESS);
    fields.ignore(HARMLESS);
    neutral::take(&mut fields)?;
    let stops = fields.take::<Texts>("stop")?.unwrap_or_default().0;
    let ask = Ask {
        model: fields.take("model")?,
        prompt: Prompt::Messages(messages),
        tools,
        tool_choice,
        parallel_tool_calls,
        format,
        sampling: settings::sampling(&mut fields)?,
        stops,
        max_tokens,
        logprobs: wants_logprobs.then(|| top_logprobs.unwrap_or(0)),
        variables,
        user,
        ..Ask::default()
    };
    for (name, value) in [("temperature", ask.sampling.temperature), ("top_p", ask.sampling.top_p)] {
        echo.insert(name.to_owned(), json!(value));
    }
    fields.finish()?;
    let before = before.map(|id| super::bare(&id).to_owned());
    Ok(Wanted { ask, is_streaming, echo, is_kept, before, input })
}

/// Fields that the response repeats as they are.
fn repeat(fields: &Fields, echo: &mut Map<String, Value>) -> Result<(), ApiError> {
    for name in ["metadata", "user", "safety_identifier", "prompt_cache_key", "presence_penalty", "frequency_penalty"] {
        if let Some(value) = fields.clone().take::<Value>(name)? {
            echo.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// Refuses what would need more than earlier responses.
fn refuse_state(fields: &mut Fields) -> Result<(), ApiError> {
    for name in ["conversation", "prompt"] {
        if fields.take::<Value>(name)?.is_some() {
            let sentence = format!("{name} is not supported: this server stores none; send the whole conversation");
            return Err(ApiError::parameter(name, sentence).code("unsupported_parameter"));
        }
    }
    fields.only("background", &[json!(false)])?;
    // A prompt that is too long is refused and never cut, whichever is asked for.
    fields.only("truncation", &[json!("disabled"), json!("auto")])
}

/// Functions, and the list of them that the response repeats. Tools of other kinds are passed over: a provider would run
/// them, and clients send them to every server.
fn tools(fields: &mut Fields) -> Result<(Vec<Tool>, Vec<Value>), ApiError> {
    let values: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let (mut tools, mut shown) = (Vec::new(), Vec::new());
    for (at, value) in values.into_iter().enumerate() {
        let mut entry = Fields::of(value, &format!("tools[{at}]"))?;
        if entry.need::<String>("type")? != "function" {
            continue;
        }
        let tool = Tool {
            name: entry.need("name")?,
            description: entry.take("description")?,
            parameters: entry.take::<Map<String, Value>>("parameters")?.map(Value::Object),
            strict: entry.take("strict")?.unwrap_or(false),
        };
        shown.push(json!({"type": "function", "name": tool.name, "description": tool.description,
            "parameters": tool.parameters, "strict": tool.strict}));
        tools.push(tool);
    }
    Ok((tools, shown))
}

fn tool_choice(fields: &mut Fields, tools: &[Tool], echo: &mut Map<String, Value>) -> Result<ToolChoice, ApiError> {
    const EXPECTED: &str = "auto, none, required or {\"type\": \"function\", \"name\": …} with one of the tools' names";
    let value: Value = fields.take("tool_choice")?.unwrap_or_else(|| json!("auto"));
    echo.insert("tool_choice".to_owned(), value.clone());
    let (word, name) = match &value {
        Value::String(word) => (word.as_str(), None),
        Value::Object(choice) if choice.get("type") == Some(&json!("allowed_tools")) => {
            (choice.get("mode").and_then(Value::as_str).unwrap_or("auto"), None)
        }
        other => ("", other.get("name").and_then(Value::as_str)),
    };
    match (word, name) {
        ("auto", None) => Ok(ToolChoice::Auto),
        ("none", None) => Ok(ToolChoice::None),
        ("required", None) if !tools.is_empty() => Ok(ToolChoice::Required),
        ("", Some(name)) if tools.iter().any(|tool| tool.name == name) => Ok(ToolChoice::Named(name.to_owned())),
        _ => Err(fields.wrong("tool_choice", EXPECTED)),
    }
}

fn includes_logprobs(fields: &mut Fields) -> Result<bool, ApiError> {
    let include: Vec<String> = fields.take("include")?.unwrap_or_default();
    Ok(include.iter().any(|name| name == "message.output_text.logprobs"))
}

/// `text`: what the answer must look like.
fn text_format(fields: &mut Fields, echo: &mut Map<String, Value>) -> Result<Option<Spec>, ApiError> {
    let mut shown = json!({"type": "text"});
    let mut format = None;
    if let Some(text) = fields.take::<Value>("text")? {
        let mut text = Fields::of(text, "text")?;
        text.only("verbosity", &[json!("medium"), json!("low"), json!("high")])?;
        if let Some(value) = text.take::<Value>("format")? {
            (format, shown) = read_format(value)?;
        }
        text.finish()?;
    }
    echo.insert("text".to_owned(), json!({"format": shown}));
    Ok(format)
}

fn read_format(value: Value) -> Result<(Option<Spec>, Value), ApiError> {
    let mut fields = Fields::of(value, "text.format")?;
    let kind: String = fields.need("type")?;
    let shown = json!({"type": kind});
    match kind.as_str() {
        "text" => Ok((None, shown)),
        "json_object" => Ok((Some(Spec::JsonObject), shown)),
        "json_schema" => {
            let name: String = fields.take("name")?.unwrap_or_default();
            let description: Option<String> = fields.take("description")?;
            let strict = fields.take("strict")?.unwrap_or(false);
            let schema: Value = fields.need("schema")?;
            let shown =
                json!({"type": kind, "name": name, "description": description, "schema": schema, "strict": strict});
            Ok((Some(Spec::JsonSchema(schema)), shown))
        }
        _ => Err(fields.wrong("type", "text, json_object or json_schema")),
    }
}

/// `reasoning`: how hard to think, for templates that know of it.
fn reasoning(fields: &mut Fields, echo: &mut Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    let mut variables = Map::new();
    let (mut effort, mut summary) = (None, None);
    if let Some(value) = fields.take::<Value>("reasoning")? {
        let mut reasoning = Fields::of(value, "reasoning")?;
        effort = reasoning.take::<String>("effort")?;
        summary = reasoning.take::<String>("summary")?;
        reasoning.ignore(&["generate_summary"]);
        reasoning.finish()?;
    }
    if let Some(effort) = &effort {
        variables.insert("reasoning_effort".to_owned(), json!(effort));
        if effort == "none" {
            variables.insert("enable_thinking".to_owned(), json!(false));
        }
    }
    echo.insert("reasoning".to_owned(), json!({"effort": effort, "summary": summary}));
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::super::kept::ResponseStore;
    use super::*;

    fn of(value: Value) -> Result<Wanted, ApiError> {
        let shelf = ResponseStore::default();
        read(Fields::parse(value.to_string().as_bytes())?, &Earlier { shelf: &shelf, client: "" })
    }

    #[test]
    fn a_full_request_is_read_and_repeated() {
        let wanted = of(json!({
            "model": "m", "input": "hi", "instructions": "be brief", "stream": true, "max_output_tokens": 7,
            "temperature": 0, "store": false, "include": ["reasoning.encrypted_content"], "metadata": {"a": "b"},
            "prompt_cache_key": "k", "reasoning": {"effort": "low", "summary": "auto"},
            "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": true},
                {"type": "web_search"}, {"type": "namespace", "name": "n", "tools": []}],
            "tool_choice": {"type": "function", "name": "f"},
            "text": {"verbosity": "low", "format": {"type": "json_schema", "name": "s", "schema": {"type": "object"}}},
        }))
        .unwrap();
        assert!(wanted.is_streaming && !wanted.is_kept);
        assert_eq!((wanted.ask.tools.len(), &wanted.ask.tool_choice), (1, &ToolChoice::Named("f".to_owned())));
        assert_eq!(wanted.ask.format, Some(Spec::JsonSchema(json!({"type": "object"}))));
        assert_eq!(wanted.ask.variables["reasoning_effort"], "low");
        let Prompt::Messages(messages) = wanted.ask.prompt else { panic!() };
        assert_eq!(messages, [Message::new(Role::System, "be brief"), Message::new(Role::User, "hi")]);
        assert_eq!(wanted.echo["tools"].as_array().map(Vec::len), Some(1));
        assert_eq!((&wanted.echo["max_output_tokens"], &wanted.echo["metadata"]["a"]), (&json!(7), &json!("b")));
    }

    #[test]
    fn what_needs_more_than_is_kept_is_refused_by_name() {
        for name in ["previous_response_id", "conversation", "background", "whatever", "prompt"] {
            let error = of(json!({"input": "hi", name: "x"})).unwrap_err();
            assert_eq!(error.param.as_deref(), Some(name));
        }
        assert_eq!(of(json!({})).unwrap_err().param.as_deref(), Some("input"));
        let choice = of(json!({"input": "hi", "tool_choice": "required"})).unwrap_err();
        assert_eq!(choice.param.as_deref(), Some("tool_choice"));
    }
}
