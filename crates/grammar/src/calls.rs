//! Tool calls that must be made.

use crate::markers::{marker, quoted};
use crate::{Error, limits, schema};
use hefu_text::tokenizer::Tokenizer;
use hefu_text::tools::{ToolFormat, markers as m};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

const KIND: &str = "grammar of tool calls";
/// Longest name of a tool, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Calls of the given tools and nothing else: `tool_choice` *required* (all tools) or *named* (one). The arguments are
/// valid by the tool's schema.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolCalls {
    /// The model's format of calls.
    pub format: ToolFormat,
    /// The tools that may be called, at least one.
    pub tools: Vec<Tool>,
    /// True if several calls, at most [`limits::MAX_CALLS`], may follow each other, where the format can write several.
    pub parallel: bool,
}

/// A tool as far as its calls go.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// The function's name: letters, digits, `_`, `-`, `.`.
    pub name: String,
    /// JSON schema of the arguments; that of an object. `null` or `{}` for a function without arguments.
    pub parameters: Value,
}

/// Frame of a call around its name and its arguments, as pieces of a Lark rule.
struct Frame {
    /// Before the first call.
    open: String,
    /// Before each name.
    before: String,
    /// Between name and arguments.
    between: String,
    /// After the arguments.
    after: String,
    /// Between calls; `None` where the format writes one call only.
    separator: Option<String>,
    /// After the last call.
    close: String,
}

/// The Lark grammar of the calls.
///
/// # Errors
/// No tools, too many, a name that is none, or a schema that cannot be honoured.
pub(crate) fn lark(wanted: &ToolCalls, tokenizer: &Tokenizer) -> Result<String, Error> {
    Error::check(KIND, "tools", wanted.tools.len(), limits::MAX_TOOLS)?;
    if wanted.tools.is_empty() {
        return Err(Error::grammar(KIND, "there is no tool that could be called"));
    }
    let frame = frame(wanted.format, tokenizer);
    let mut start = format!("start: {} call", frame.open);
    if let Some(separator) = frame.separator.as_ref().filter(|_| wanted.parallel) {
        start.push_str(&format!(" ({separator} call){{0,{}}}", limits::MAX_CALLS - 1));
    }
    let calls: Vec<String> = (0..wanted.tools.len()).map(|index| format!("call{index}")).collect();
    let mut source = format!("{start} {}\ncall: {}\n", frame.close, calls.join(" | "));
    let mut bytes = 0;
    for (tool, rule) in wanted.tools.iter().zip(&calls) {
        check_name(&tool.name)?;
        let arguments = arguments(tool)?.to_string();
        bytes += arguments.len();
        Error::check(KIND, "bytes", bytes, limits::MAX_SOURCE_BYTES)?;
        let name = quoted(&tool.name);
        let Frame { before, between, after, .. } = &frame;
        source.push_str(&format!("{rule}: {before} {name} {between} {rule}a {after}\n{rule}a: %json {arguments}\n"));
    }
    Ok(source)
}

/// The arguments' schema, lowered.
fn arguments(tool: &Tool) -> Result<Value, Error> {
    let none = || json!({"type": "object", "properties": {}, "additionalProperties": false});
    let mut parameters = match &tool.parameters {
        Value::Null => none(),
        Value::Object(fields) if fields.is_empty() => none(),
        given => given.clone(),
    };
    if let Value::Object(fields) = &mut parameters
        && !fields.contains_key("type")
    {
        fields.insert("type".into(), "object".into());
    }
    let lowered = schema::lower(&parameters).map_err(|error| match error {
        Error::Schema { place, reason } => {
            Error::Schema { place: format!("{place} of the tool {}", tool.name), reason }
        }
        other => other,
    })?;
    let is_object = parameters.get("type").is_some_and(|kind| kind == "object");
    if is_object {
        return Ok(lowered);
    }
    let place = format!("# of the tool {}", tool.name);
    Err(Error::Schema { place, reason: "the type must be object".to_owned() })
}

fn check_name(name: &str) -> Result<(), Error> {
    let belongs = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.chars().all(belongs) {
        return Ok(());
    }
    let reason = format!("{name:?} is no name of a tool; at most {MAX_NAME_BYTES} letters, digits, _, - and . are");
    Err(Error::grammar(KIND, reason))
}

/// The frame of a format, as its models were trained to write it.
fn frame(format: ToolFormat, tokenizer: &Tokenizer) -> Frame {
    let mark = |name: &str| marker(name, tokenizer);
    let nothing = String::new;
    let object = |key: &str, after: &str, separator: Option<&str>| Frame {
        open: nothing(),
        before: quoted("{\"name\": \""),
        between: quoted(&format!("\", \"{key}\": ")),
        after: quoted(after),
        separator: separator.map(quoted),
        close: nothing(),
    };
    match format {
        // Models that write arguments between tags read and write JSON in the same marks too.
        ToolFormat::Hermes | ToolFormat::FunctionTags | ToolFormat::ArgumentTags => Frame {
            before: format!("{} {}", mark(m::TOOL_CALL), quoted("\n{\"name\": \"")),
            after: format!("{} {}", quoted("}\n"), mark(m::TOOL_CALL_END)),
            ..object("arguments", "", Some("\n"))
        },
        ToolFormat::Llama => object("parameters", "}", None),
        ToolFormat::Mistral => Frame {
            open: format!("{} {}", mark(m::TOOL_CALLS), quoted("[")),
            close: quoted("]"),
            ..object("arguments", "}", Some(", "))
        },
        ToolFormat::MistralArguments => Frame {
            before: mark(m::TOOL_CALLS),
            between: mark(m::ARGS),
            after: nothing(),
            separator: Some(nothing()),
            ..object("", "", None)
        },
        ToolFormat::Gemma => Frame {
            open: quoted(&format!("{}\n", m::TOOL_CODE)),
            close: quoted("\n```"),
            ..object("parameters", "}", None)
        },
        ToolFormat::DeepSeek | ToolFormat::DeepSeekFenced | ToolFormat::DeepSeekTags => deepseek(format, mark),
        ToolFormat::Gemma4 => Frame {
            before: format!("{} {}", mark(m::GEMMA_CALL), quoted("call:")),
            between: nothing(),
            after: mark(m::GEMMA_CALL_END),
            separator: Some(nothing()),
            ..object("", "", None)
        },
        ToolFormat::Harmony => Frame { after: nothing(), ..harmony(mark, object("", "", None)) },
        ToolFormat::Lfm2 | ToolFormat::Granite | ToolFormat::Nemotron => {
            let (open, close) = list(format, mark);
            Frame { open, close, ..object("arguments", "}", Some(", ")) }
        }
        ToolFormat::Kimi => Frame {
            open: mark(m::SECTION),
            before: format!("{} {}", mark(m::KIMI_CALL), quoted("functions.")),
            between: format!("{} {}", quoted(":0"), mark(m::KIMI_ARGUMENTS)),
            after: mark(m::KIMI_CALL_END),
            separator: Some(nothing()),
            close: mark(m::SECTION_END),
        },
        ToolFormat::Json => object("arguments", "}", None),
    }
}

/// A call as gpt-oss writes it.
fn harmony(mark: impl Fn(&str) -> String, rest: Frame) -> Frame {
    Frame {
        before: format!("{} {}", mark(m::CHANNEL), quoted("commentary to=functions.")),
        between: format!("{} {} {} {}", quoted(" "), mark(m::CONSTRAIN), quoted("json"), mark(m::MESSAGE)),
        ..rest
    }
}

/// The frames of DeepSeek's models.
fn deepseek(format: ToolFormat, mark: impl Fn(&str) -> String) -> Frame {
    match format {
        ToolFormat::DeepSeek => Frame {
            open: mark(m::CALLS_BEGIN),
            before: mark(m::CALL_BEGIN),
            between: mark(m::SEPARATOR),
            after: mark(m::CALL_END),
            separator: Some(String::new()),
            close: mark(m::CALLS_END),
        },
        ToolFormat::DeepSeekFenced => Frame {
            open: mark(m::CALLS_BEGIN),
            before: format!("{} {} {}", mark(m::CALL_BEGIN), quoted("function"), mark(m::SEPARATOR)),
            between: quoted("\n```json\n"),
            after: format!("{} {}", quoted("\n```"), mark(m::CALL_END)),
            separator: Some(quoted("\n")),
            close: mark(m::CALLS_END),
        },
        _ => Frame {
            open: quoted("<｜DSML｜function_calls>\n"),
            before: quoted("<｜DSML｜invoke name=\""),
            between: quoted("\">\n"),
            after: quoted("\n</｜DSML｜invoke>\n"),
            separator: Some(String::new()),
            close: quoted("</｜DSML｜function_calls>"),
        },
    }
}

/// Opening and closing of a list of calls in JSON.
fn list(format: ToolFormat, mark: impl Fn(&str) -> String) -> (String, String) {
    let closed_by = |name: &str| format!("{} {}", quoted("]"), mark(name));
    let (open, close) = match format {
        ToolFormat::Lfm2 => (mark(m::LFM_CALLS), closed_by(m::LFM_CALLS_END)),
        ToolFormat::Granite => (mark(m::GRANITE_CALLS), quoted("]")),
        _ => (mark(m::NEMOTRON_CALLS), closed_by(m::NEMOTRON_CALLS_END)),
    };
    (format!("{open} {}", quoted("[")), close)
}
