//! What is asked of a model, whatever the dialect it was asked in.
//!
//! Every dialect translates its JSON to an [`Ask`] and the answer's [`Piece`](crate::answer::Piece)s back to its JSON,
//! and nothing else: limits, templates, sampling, grammars and tools are worked out once, behind this seam.

use crate::fill::Gap;
use hefu_engine::sampling::{Breakers, Error, Parameters};
use hefu_text::template;
use hefu_text::tokenizer::{Special, Tokenizer};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// One request for answers.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The model's name as the request gives it; `None` is the server's first model.
    pub model: Option<String>,
    /// What is to be answered.
    pub prompt: Prompt,
    /// Functions that the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may or must.
    pub tool_choice: ToolChoice,
    /// Whether one answer may hold several calls; `None` is yes where the model decides whether to call, and no where it
    /// must.
    pub parallel_tool_calls: Option<bool>,
    /// What the answer's text must look like.
    pub format: Format,
    /// Settings of sampling that the request names; the others are the model's.
    pub sampling: Sampling,
    /// Strings that end an answer and are not part of it.
    pub stops: Vec<String>,
    /// Tokens that end an answer beside the model's own.
    pub stop_ids: Vec<u32>,
    /// Most tokens of an answer; `None` leaves it to the model and to what the server allows.
    pub max_tokens: Option<usize>,
    /// How many answers are wanted; 0 counts as 1. Answer i is sampled with the seed `seed + i`.
    pub count: usize,
    /// Report each token's log-probability and those of so many of the likeliest tokens.
    pub logprobs: Option<u32>,
    /// Further variables of the chat template, `enable_thinking` for example.
    pub variables: Map<String, Value>,
    /// The last message is the start of the answer, which is to be continued.
    pub continue_last: bool,
    /// How long the model stays in memory after this request; `None` leaves it to the server.
    pub keep_alive: Option<KeepAlive>,
    /// Requests of a higher priority are answered first. 0 is usual.
    pub priority: i32,
}

/// What is to be answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Prompt {
    /// A conversation, which the model's template writes as text.
    Messages(Vec<Message>),
    /// A text as it stands, to be continued.
    Text(String),
    /// Token ids as they stand, to be continued.
    Ids(Vec<u32>),
    /// A gap, to be filled.
    Gap(Gap),
}

impl Default for Prompt {
    fn default() -> Self {
        Self::Messages(Vec::new())
    }
}

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Instructions; a developer's are the same to a template.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// What a called function returned.
    Tool,
}

/// One message of a conversation. Images and sound are refused by the dialects, by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// Its text, the parts joined.
    pub text: String,
    /// What the model thought before it spoke.
    pub reasoning: Option<String>,
    /// Calls that the model made.
    pub calls: Vec<ToolCall>,
    /// The call that a [`Role::Tool`] message answers.
    pub call_id: Option<String>,
    /// A name for the speaker, or for the function that was called.
    pub name: Option<String>,
}

/// A call that the model made earlier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// By which its result refers to it.
    pub id: String,
    /// The function.
    pub name: String,
    /// Its arguments as JSON text; what is no JSON is passed on as it is.
    pub arguments: String,
}

/// What a template takes calls for; each was written for one shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Shape {
    /// How arguments look.
    pub arguments: Arguments,
    /// A message of calls alone has no content instead of an empty one.
    pub empty_is_null: bool,
}

/// How the arguments of earlier calls look to a template.
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

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// The JSON Schema of its arguments; `None` takes none.
    pub parameters: Option<Value>,
    /// The arguments must be valid by the schema: they are held to it while they are written.
    pub strict: bool,
}

/// Whether the model may or must call a function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As it likes.
    #[default]
    Auto,
    /// It must not; the functions are not shown to it.
    None,
    /// It must call one or several.
    Required,
    /// It must call this one.
    Named(String),
}

/// What the answer's text must look like.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Format {
    /// Anything.
    #[default]
    Text,
    /// A JSON object.
    JsonObject,
    /// A JSON value that is valid by a schema.
    JsonSchema(Value),
    /// A text that a regular expression matches in full.
    Regex(String),
    /// A text of a Lark grammar.
    Lark(String),
    /// A text of a GBNF grammar, as llama.cpp writes them.
    Gbnf(String),
    /// One of these texts.
    Choice(Vec<String>),
}

/// How long a model stays in memory after its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// Until the memory is needed.
    Forever,
    /// For this long; zero unloads it at once.
    For(Duration),
}

/// Settings of sampling that a request names; names and ranges are those of [`Parameters`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sampling {
    /// Randomness.
    pub temperature: Option<f32>,
    /// Keep the k likeliest tokens.
    pub top_k: Option<u32>,
    /// Keep the likeliest tokens that together reach this probability.
    pub top_p: Option<f32>,
    /// Keep tokens at least this fraction as likely as the likeliest.
    pub min_p: Option<f32>,
    /// Keep the most typical tokens that together exceed this probability.
    pub typical_p: Option<f32>,
    /// The samplers that remove tokens leave at least this many.
    pub min_keep: Option<u32>,
    /// Weakens tokens of the window.
    pub repetition_penalty: Option<f32>,
    /// The window of the penalties in tokens.
    pub repeat_last_n: Option<i32>,
    /// Taken off the logit of each token of the window.
    pub presence_penalty: Option<f32>,
    /// Taken off the logit of each token of the window per occurrence.
    pub frequency_penalty: Option<f32>,
    /// DRY: strength.
    pub dry_multiplier: Option<f32>,
    /// DRY: growth per token.
    pub dry_base: Option<f32>,
    /// DRY: shorter passages are left alone.
    pub dry_allowed_length: Option<u32>,
    /// DRY: the window in tokens.
    pub dry_penalty_last_n: Option<i32>,
    /// DRY: texts that no passage crosses.
    pub dry_breakers: Vec<String>,
    /// XTC: how often it acts.
    pub xtc_probability: Option<f32>,
    /// XTC: from which probability a token is a top choice.
    pub xtc_threshold: Option<f32>,
    /// Added to tokens' logits.
    pub logit_bias: BTreeMap<u32, f32>,
    /// Tokens that are never chosen.
    pub banned: Vec<u32>,
    /// Forbid the tokens that end an answer.
    pub ignore_eos: bool,
    /// The seed; `None` is a new one, which the answer reports.
    pub seed: Option<u64>,
}

impl Sampling {
    /// The request's settings over a model's.
    ///
    /// # Errors
    /// A sentence for every setting outside its range.
    pub fn over(
        &self,
        recommended: &Parameters,
        tokenizer: &Tokenizer,
        logprobs: Option<u32>,
    ) -> Result<Parameters, Error> {
        let mut p = recommended.clone();
        set(&mut p.temperature, self.temperature);
        set(&mut p.top_k, self.top_k);
        set(&mut p.top_p, self.top_p);
        set(&mut p.min_p, self.min_p);
        set(&mut p.typical_p, self.typical_p);
        set(&mut p.min_keep, self.min_keep);
        set(&mut p.repetition_penalty, self.repetition_penalty);
        set(&mut p.repeat_last_n, self.repeat_last_n);
        set(&mut p.presence_penalty, self.presence_penalty);
        set(&mut p.frequency_penalty, self.frequency_penalty);
        set(&mut p.dry.multiplier, self.dry_multiplier);
        set(&mut p.dry.base, self.dry_base);
        set(&mut p.dry.allowed_length, self.dry_allowed_length);
        set(&mut p.dry.penalty_last_n, self.dry_penalty_last_n);
        set(&mut p.xtc.probability, self.xtc_probability);
        set(&mut p.xtc.threshold, self.xtc_threshold);
        set(&mut p.seed, self.seed);
        p.logit_bias.extend(&self.logit_bias);
        p.banned.extend(&self.banned);
        if self.ignore_eos {
            p.ignore_eos = tokenizer.vocabulary().ends.iter().copied().collect();
        }
        if !self.dry_breakers.is_empty() {
            let ids = self.dry_breakers.iter().map(|text| tokenizer.encode(text, Special::Plain));
            p.dry.breakers = Breakers::new(&ids.collect::<Vec<_>>())?;
        }
        p.logprobs = logprobs;
        p.validate()?;
        Ok(p)
    }
}

/// Adds a part of a message to its text: on a line of its own, as others that serve these models do.
pub(crate) fn join_part(text: &mut String, part: &str) {
    if !text.is_empty() && !part.is_empty() {
        text.push('\n');
    }
    text.push_str(part);
}

fn set<T>(field: &mut T, asked: Option<T>) {
    if let Some(value) = asked {
        *field = value;
    }
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

impl Tool {
    /// The function in the shape that templates are written for.
    pub fn for_template(&self) -> Value {
        let mut function = Map::new();
        function.insert("name".to_owned(), json!(self.name));
        if let Some(description) = &self.description {
            function.insert("description".to_owned(), json!(description));
        }
        let none = || json!({"type": "object", "properties": {}});
        function.insert("parameters".to_owned(), self.parameters.clone().unwrap_or_else(none));
        json!({"type": "function", "function": function})
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
