//! Functions that the model may call, and what its answer must look like.

use super::super::fields::{Fields, FromField};
use crate::ask::{Format, Tool, ToolChoice};
use crate::error::ApiError;
use serde_json::{Map, Value};

/// The functions of a request.
///
/// # Errors
/// An entry that is no function.
pub fn tools(fields: &mut Fields) -> Result<Vec<Tool>, ApiError> {
    let values: Vec<Value> = fields.take("tools")?.unwrap_or_default();
    let read = |(at, value)| {
        let place = format!("tools[{at}]");
        let mut entry = Fields::of(value, &place)?;
        let kind: String = entry.need("type")?;
        if kind != "function" {
            return Err(entry.wrong("type", "\"function\""));
        }
        let mut function = Fields::of(entry.need("function")?, &format!("{place}.function"))?;
        let name: String = function.need("name")?;
        if name.is_empty() {
            return Err(function.wrong("name", "a text of at least one character"));
        }
        Ok(Tool {
            name,
            description: function.take("description")?,
            parameters: function.take::<Map<String, Value>>("parameters")?.map(Value::Object),
            strict: function.take("strict")?.unwrap_or(false),
        })
    };
    values.into_iter().enumerate().map(read).collect()
}

/// Whether the model may or must call a function.
///
/// # Errors
/// A choice that is not known, or a function that is not among the tools.
pub fn choice(fields: &mut Fields, tools: &[Tool]) -> Result<ToolChoice, ApiError> {
    const EXPECTED: &str = "auto, none, required or {\"type\": \"function\", \"function\": {\"name\": …}}";
    let Some(value) = fields.take::<Value>("tool_choice")? else { return Ok(ToolChoice::Auto) };
    let choice = match &value {
        Value::String(word) => match word.as_str() {
            "auto" => ToolChoice::Auto,
            "none" => ToolChoice::None,
            "required" | "any" => ToolChoice::Required,
            _ => return Err(fields.wrong("tool_choice", EXPECTED)),
        },
        _ => {
            let name = value.pointer("/function/name").or_else(|| value.get("name")).and_then(Value::as_str);
            let name = name.ok_or_else(|| fields.wrong("tool_choice", EXPECTED))?;
            if !tools.iter().any(|tool| tool.name == name) {
                let sentence = format!("tool_choice names the function \"{name}\", which is not among the tools");
                return Err(ApiError::parameter("tool_choice", sentence));
            }
            ToolChoice::Named(name.to_owned())
        }
    };
    if choice == ToolChoice::Required && tools.is_empty() {
        return Err(ApiError::parameter("tool_choice", "tool_choice is required, but there are no tools"));
    }
    Ok(choice)
}

/// What the answer must look like: `response_format`, or one of the fields of llama.cpp (`grammar`, `json_schema`) and
/// vLLM (`guided_*`).
///
/// # Errors
/// A format that is not known, or more than one.
pub fn format(fields: &mut Fields) -> Result<Format, ApiError> {
    let mut found = Vec::new();
    if let Some(value) = fields.take("response_format")? {
        found.push(response_format(value)?);
    }
    found.extend(fields.take::<String>("grammar")?.map(Format::Gbnf));
    found.extend(fields.take::<Value>("json_schema")?.map(Format::JsonSchema));
    found.extend(fields.take::<Value>("guided_json")?.map(Format::JsonSchema));
    found.extend(fields.take::<String>("guided_regex")?.map(Format::Regex));
    found.extend(fields.take::<String>("guided_grammar")?.map(Format::Lark));
    found.extend(fields.take::<Vec<String>>("guided_choice")?.map(Format::Choice));
    let mut found = found.into_iter().filter(|format| *format != Format::Text);
    let format = found.next().unwrap_or_default();
    match found.next() {
        None => Ok(format),
        Some(_) => Err(ApiError::parameter("response_format", "the answer's format is given more than once")),
    }
}

fn response_format(value: Value) -> Result<Format, ApiError> {
    let mut fields = Fields::of(value, "response_format")?;
    let kind: String = fields.need("type")?;
    let text = |fields: &mut Fields, name| fields.need::<String>(name);
    match kind.as_str() {
        "text" => Ok(Format::Text),
        "json_object" => Ok(fields.take::<Value>("schema")?.map_or(Format::JsonObject, Format::JsonSchema)),
        "json_schema" => {
            let mut inner = Fields::of(fields.need("json_schema")?, "response_format.json_schema")?;
            let schema: Value = inner.need("schema")?;
            match schema {
                Value::Object(_) | Value::Bool(_) => Ok(Format::JsonSchema(schema)),
                _ => Err(inner.wrong("schema", <Map<String, Value> as FromField>::EXPECTED)),
            }
        }
        "regex" => text(&mut fields, "regex").map(Format::Regex),
        "lark" => text(&mut fields, "grammar").map(Format::Lark),
        "gbnf" | "grammar" => text(&mut fields, "grammar").map(Format::Gbnf),
        "choice" => fields.need::<Vec<String>>("choices").map(Format::Choice),
        _ => Err(fields.wrong("type", "text, json_object, json_schema, regex, lark, gbnf or choice")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(value: Value) -> Fields {
        Fields::parse(value.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn formats_of_every_kind_are_read() {
        let of = |value| format(&mut fields(value));
        let schema = json!({"type": "object"});
        assert_eq!(of(json!({})).unwrap(), Format::Text);
        assert_eq!(of(json!({"response_format": {"type": "json_object"}})).unwrap(), Format::JsonObject);
        let strict = json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "x", "strict": true, "schema": schema}}});
        assert_eq!(of(strict).unwrap(), Format::JsonSchema(schema.clone()));
        assert_eq!(of(json!({"grammar": "root ::= \"a\""})).unwrap(), Format::Gbnf("root ::= \"a\"".into()));
        assert_eq!(of(json!({"guided_choice": ["a"]})).unwrap(), Format::Choice(vec!["a".into()]));
        let both = json!({"grammar": "x", "response_format": {"type": "json_object"}});
        assert!(of(both).unwrap_err().message.contains("more than once"));
        assert!(of(json!({"response_format": {"type": "xml"}})).unwrap_err().message.contains("json_schema"));
    }

    #[test]
    fn a_choice_must_be_among_the_tools() {
        let body = json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "g"}}});
        let mut fields = fields(body);
        let tools = tools(&mut fields).unwrap();
        assert_eq!(tools[0].parameters, Some(json!({"type": "object"})));
        assert!(choice(&mut fields, &tools).unwrap_err().message.contains("\"g\""));
    }
}
