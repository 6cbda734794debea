//! Functions that the model may call, and what its answer must look like.

use super::super::fields::Fields;
use crate::error::ApiError;
use hefu_answer::{Spec, Tool, ToolChoice};
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

/// Permission or duty of the model to call a function.
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

/// Form of the answer: `response_format`, or one of the fields of llama.cpp (`grammar`, `json_schema`), vLLM
/// (`structured_outputs`, `guided_*`) and SGLang (`regex`, `ebnf`).
///
/// # Errors
/// A format that is not known, or more than one.
pub fn format(fields: &mut Fields) -> Result<Option<Spec>, ApiError> {
    let mut found = Vec::new();
    if let Some(value) = fields.take("response_format")? {
        found.extend(response_format(value)?);
    }
    if let Some(value) = fields.take("structured_outputs")? {
        let mut inner = Fields::of(value, "structured_outputs")?;
        inner.ignore(&["disable_fallback", "disable_any_whitespace", "disable_additional_properties"]);
        inner.accept("whitespace_pattern", |value| value == "")?;
        found.extend(inner.take::<Value>("json")?.map(|value| schema(value, "structured_outputs.json")).transpose()?);
        if inner.take("json_object")?.unwrap_or(false) {
            found.push(Spec::JsonObject);
        }
        found.extend(named(&mut inner, "regex", "grammar", "choice")?);
        inner.finish()?;
    }
    found.extend(fields.take::<String>("grammar")?.filter(|text| !text.is_empty()).map(Spec::Gbnf));
    found.extend(fields.take::<String>("ebnf")?.map(Spec::Gbnf));
    for name in ["json_schema", "guided_json"] {
        found.extend(fields.take::<Value>(name)?.map(|value| schema(value, name)).transpose()?);
    }
    found.extend(fields.take::<String>("regex")?.map(Spec::Regex));
    if fields.take("guided_json_object")?.unwrap_or(false) {
        found.push(Spec::JsonObject);
    }
    found.extend(named(fields, "guided_regex", "guided_grammar", "guided_choice")?);
    match found.len() {
        0 | 1 => Ok(found.pop()),
        _ => Err(ApiError::parameter("response_format", "the answer's format is given more than once")),
    }
}

/// Formats under three names that vLLM knows.
fn named(fields: &mut Fields, regex: &str, grammar: &str, choice: &str) -> Result<Vec<Spec>, ApiError> {
    let regex = fields.take::<String>(regex)?.map(Spec::Regex);
    // It takes both ways to write one, and tells them by this mark.
    let is_gbnf = |text: &String| text.contains("::=");
    let of = |text| if is_gbnf(&text) { Spec::Gbnf(text) } else { Spec::Lark(text) };
    let grammar = fields.take::<String>(grammar)?.map(of);
    let choice = fields.take::<Vec<String>>(choice)?.map(Spec::Choice);
    Ok([regex, grammar, choice].into_iter().flatten().collect())
}

/// A schema, which some clients write as a text.
fn schema(value: Value, name: &str) -> Result<Spec, ApiError> {
    let value = match value {
        Value::String(text) => serde_json::from_str(&text)
            .map_err(|error| ApiError::parameter(name, format!("{name} is a text that is no JSON: {error}")))?,
        other => other,
    };
    match value {
        Value::Object(_) | Value::Bool(_) => Ok(Spec::JsonSchema(value)),
        _ => Err(ApiError::parameter(name, format!("{name} must be a JSON schema: an object"))),
    }
}

fn response_format(value: Value) -> Result<Option<Spec>, ApiError> {
    let mut fields = Fields::of(value, "response_format")?;
    let kind: String = fields.need("type")?;
    let text = |fields: &mut Fields, name| fields.need::<String>(name);
    let format = match kind.as_str() {
        "text" => return Ok(None),
        "json_object" => Ok(fields.take::<Value>("schema")?.map_or(Spec::JsonObject, Spec::JsonSchema)),
        "json_schema" => {
            // As OpenAI has it, or flat, as llama.cpp has it.
            let inner: Option<Value> = fields.take("json_schema")?;
            let (mut inner, place) = match inner {
                Some(inner) => {
                    (Fields::of(inner, "response_format.json_schema")?, "response_format.json_schema.schema")
                }
                None => (fields, "response_format.schema"),
            };
            schema(inner.need("schema")?, place)
        }
        "regex" => text(&mut fields, "regex").map(Spec::Regex),
        "lark" => text(&mut fields, "grammar").map(Spec::Lark),
        "gbnf" | "grammar" => text(&mut fields, "grammar").map(Spec::Gbnf),
        "choice" => fields.need::<Vec<String>>("choices").map(Spec::Choice),
        _ => Err(fields.wrong("type", "text, json_object, json_schema, regex, lark, gbnf or choice")),
    };
    format.map(Some)
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
        assert_eq!(of(json!({})).unwrap(), None);
        assert_eq!(of(json!({"response_format": {"type": "json_object"}})).unwrap(), Some(Spec::JsonObject));
        let strict = json!({"response_format": {"type": "json_schema",
            "json_schema": {"name": "x", "strict": true, "schema": schema}}});
        assert_eq!(of(strict).unwrap(), Some(Spec::JsonSchema(schema.clone())));
        assert_eq!(of(json!({"grammar": "root ::= \"a\""})).unwrap(), Some(Spec::Gbnf("root ::= \"a\"".into())));
        assert_eq!(of(json!({"guided_choice": ["a"]})).unwrap(), Some(Spec::Choice(vec!["a".into()])));
        for same in [
            json!({"response_format": {"type": "json_schema", "schema": schema}}),
            json!({"json_schema": schema.to_string()}),
            json!({"guided_json": schema, "guided_decoding_backend": "auto", "grammar": ""}),
            json!({"structured_outputs": {"json": schema, "disable_fallback": true}}),
        ] {
            assert_eq!(of(same.clone()).unwrap(), Some(Spec::JsonSchema(schema.clone())), "{same}");
        }
        for (value, expected) in [
            (json!({"regex": "a+"}), Spec::Regex("a+".into())),
            (json!({"ebnf": "root ::= \"a\""}), Spec::Gbnf("root ::= \"a\"".into())),
            (json!({"guided_grammar": "root ::= \"a\""}), Spec::Gbnf("root ::= \"a\"".into())),
            (json!({"structured_outputs": {"grammar": "start: \"a\""}}), Spec::Lark("start: \"a\"".into())),
            (json!({"structured_outputs": {"choice": ["a"]}}), Spec::Choice(vec!["a".into()])),
            (json!({"structured_outputs": {"json_object": true}}), Spec::JsonObject),
        ] {
            assert_eq!(of(value).unwrap(), Some(expected));
        }
        assert!(of(json!({"json_schema": "{"})).unwrap_err().message.contains("no JSON"));
        let tag = json!({"structured_outputs": {"structural_tag": "x"}});
        assert_eq!(of(tag).unwrap_err().param.as_deref(), Some("structured_outputs.structural_tag"));
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
