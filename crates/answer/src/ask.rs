//! A request to a model, independent of the dialect that it came in.
//!
//! Every dialect and command translates what it is given to an [`Ask`], and the [`Delta`](crate::Delta)s of the answer to what it
//! shows, and nothing else: limits, templates, sampling, grammars and tools are worked out once, behind this seam.

use crate::fill::Gap;
use crate::message::Message;
use crate::sampling::Sampling;
use hefu_grammar::Spec;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// One request for answers.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    /// The model's name as the request gives it; `None` is the server's first model.
    pub model: Option<String>,
    /// The prompt.
    pub prompt: Prompt,
    /// Functions that the model may call.
    pub tools: Vec<Tool>,
    /// Permission or duty to call one.
    pub tool_choice: ToolChoice,
    /// True if one answer may hold several calls; `None` is yes where the model decides about calls, and no where it
    /// must.
    pub parallel_tool_calls: Option<bool>,
    /// Structure of the answer's text; `None` is anything.
    pub format: Option<Spec>,
    /// Settings of sampling that the request names; the others are the model's.
    pub sampling: Sampling,
    /// Strings that end an answer and are not part of it.
    pub stops: Vec<String>,
    /// Tokens that end an answer beside the model's own.
    pub stop_ids: Vec<u32>,
    /// Most tokens of an answer; `None` leaves it to the model and to what the server allows.
    pub max_tokens: Option<usize>,
    /// Number of answers; 0 counts as 1. Answer i is sampled with the seed `seed + i`.
    pub count: usize,
    /// Report each token's log-probability and those of so many of the likeliest tokens.
    pub logprobs: Option<u32>,
    /// Report that of the token which ends the answer too; it is no part of its text.
    pub tells_end: bool,
    /// Further variables of the chat template, `enable_thinking` for example.
    pub variables: Map<String, Value>,
    /// The answer is one text as the model writes it: neither reasoning nor calls are taken out of it.
    pub is_whole: bool,
    /// The last message is the start of the answer, which is to be continued.
    pub continue_last: bool,
    /// Keep-alive of the model after this request; `None` leaves it to the server.
    pub keep_alive: Option<KeepAlive>,
    /// Requests of a higher priority are answered first. 0 is usual.
    pub priority: i32,
    /// The person for whom a program asks, as it tells them apart; records hold a pseudonym in its place.
    pub user: Option<String>,
}

/// The prompt.
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

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// Its description.
    pub description: Option<String>,
    /// The JSON Schema of its arguments; `None` takes none.
    pub parameters: Option<Value>,
    /// The arguments must be valid by the schema: they are held to it while they are written.
    pub strict: bool,
}

/// Permission or duty of the model to call a function.
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

/// Keep-alive of a model after its last request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeepAlive {
    /// Until the memory is needed.
    Forever,
    /// For this long; zero unloads it at once.
    For(Duration),
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
