//! One message of a conversation, and the shape in which templates take it.

use hefu_text::template;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions; a developer's are the same to a template.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// Result of a called function.
    Tool,
}

/// One message of a conversation. Images and sound are refused by the dialects, by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// The speaker.
    pub role: Role,
    /// Its text, the parts joined.
    pub text: String,
    /// Reasoning before the text.
    pub reasoning: Option<String>,
    /// Calls that the model made.
    pub calls: Vec<ToolCall>,
    /// The call that a [`Role::Tool`] message answers.
    pub call_id: Option<String>,
    /// A name for the speaker, or for the function that was called.
    pub name: Option<String>,
}

/// A call that the model made earlier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ToolCall {
    /// By which its result refers to it.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments as JSON text; what is no JSON is passed on as it is.
    pub arguments: String,
}

/// Shape in which a template takes calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// Form of arguments.
    pub arguments: Arguments,
    /// A message of calls alone has no content instead of an empty one.
    pub empty_is_null: bool,
}

/// Forms of the arguments of earlier calls, as templates want them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Arguments {
    /// Objects; what is no JSON object stays a text, so that one broken call does not spoil the conversation for good.
    #[default]
    Objects,
    /// Objects alone, for templates that go through their fields: what is none is put into one.
    ObjectsAlone,
    /// Texts, for templates that join them to others.
    Texts,
}

impl Arguments {
    /// Every shape, the most usual first.
    pub const ALL: [Self; 3] = [Self::Objects, Self::ObjectsAlone, Self::Texts];
}

/// Adds a part of a message to its text: on a line of its own, as others that serve these models do.
pub fn join_part(text: &mut String, part: &str) {
    if !text.is_empty() && !part.is_empty() {
        text.push('\n');
    }
    text.push_str(part);
}

impl Message {
    /// A message of plain text.
    pub fn new(role: Role, text: impl Into<String>) -> Self {
        Self { role, text: text.into(), reasoning: None, calls: Vec::new(), call_id: None, name: None }
    }

    /// The message in the shape that templates are written for: that of the OpenAI API, with content as one text.
    pub fn for_template(&self, shape: Shape) -> template::Message {
        let role = match self.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let mut message = template::Message::new(role, &self.text);
        if shape.empty_is_null && self.text.is_empty() && !self.calls.is_empty() {
            message = message.with("content", Value::Null);
        }
        if let Some(reasoning) = &self.reasoning {
            message = message.with("reasoning_content", reasoning.as_str());
        }
        if !self.calls.is_empty() {
            let calls = self.calls.iter().map(|call| call.for_template(shape.arguments));
            message = message.with("tool_calls", calls.collect::<Vec<_>>());
        }
        if let Some(id) = &self.call_id {
            message = message.with("tool_call_id", id.as_str());
        }
        match &self.name {
            Some(name) => message.with("name", name.as_str()),
            None => message,
        }
    }
}

impl ToolCall {
    fn for_template(&self, shape: Arguments) -> Value {
        let text = || Value::String(self.arguments.clone());
        let arguments = match (serde_json::from_str(&self.arguments), shape) {
            (Ok(object @ Value::Object(_)), Arguments::Objects | Arguments::ObjectsAlone) => object,
            (_, Arguments::ObjectsAlone) => json!({"arguments": text()}),
            _ => text(),
        };
        json!({"id": self.id, "type": "function", "function": {"name": self.name, "arguments": arguments}})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reaches_the_template_as_an_object_and_a_broken_one_as_text() {
        let call = |arguments: &str| ToolCall { id: "1".into(), name: "f".into(), arguments: arguments.into() };
        let mut message = Message::new(Role::Assistant, "");
        message.calls = vec![call("{\"a\": 1}"), call("{\"a\": ")];
        let fields = message.for_template(Shape::default()).fields;
        assert_eq!(fields["content"], "");
        assert_eq!(fields["tool_calls"][0]["function"]["arguments"], json!({"a": 1}));
        assert_eq!(fields["tool_calls"][1]["function"]["arguments"], json!("{\"a\": "));
    }

    #[test]
    fn a_message_has_only_the_fields_that_were_given() {
        let fields = Message::new(Role::Tool, "42").for_template(Shape::default()).fields;
        assert_eq!(Value::Object(fields), json!({"role": "tool", "content": "42"}));
    }
}
