//! Input of a template: messages, tools and variables, as plain JSON.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::clock::{Clock, SystemClock};

/// The model's special tokens, as text, for templates to print. A token that is `None` is undefined in the template.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Specials {
    /// Beginning of a sequence, as `bos_token`.
    pub bos_token: Option<String>,
    /// End of a sequence, as `eos_token`.
    pub eos_token: Option<String>,
    /// Unknown token, as `unk_token`.
    pub unk_token: Option<String>,
    /// Padding, as `pad_token`.
    pub pad_token: Option<String>,
}

impl Specials {
    /// Each token that is set, with its name in templates.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        [
            ("bos_token", &self.bos_token),
            ("eos_token", &self.eos_token),
            ("unk_token", &self.unk_token),
            ("pad_token", &self.pad_token),
        ]
        .into_iter()
        .filter_map(|(name, token)| token.as_deref().map(|token| (name, token)))
    }
}

/// One message in the OpenAI shape: `role`, `content` (text or a list of parts), `tool_calls`, `tool_call_id`, `name`,
/// `reasoning_content` and whatever else the caller sends. Order and types are kept; nothing is added.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// The fields as they came.
    pub fields: Map<String, Value>,
}

impl Message {
    /// A message with a role and plain text.
    pub fn new(role: &str, content: &str) -> Message {
        Message::default().with("role", role).with("content", content)
    }

    /// Instructions that come before the conversation.
    pub fn system(content: &str) -> Message {
        Message::new("system", content)
    }

    /// Text of the user.
    pub fn user(content: &str) -> Message {
        Message::new("user", content)
    }

    /// Text of the model.
    pub fn assistant(content: &str) -> Message {
        Message::new("assistant", content)
    }

    /// The same message with one more field, or with that field replaced.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Message {
        self.fields.insert(name.to_owned(), value.into());
        self
    }
}

impl From<Map<String, Value>> for Message {
    fn from(fields: Map<String, Value>) -> Message {
        Message { fields }
    }
}

/// Everything one rendering needs.
#[derive(Clone)]
pub struct Conversation {
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// Tools the model may call, in the OpenAI shape; `None` is `none` in the template.
    pub tools: Option<Vec<Value>>,
    /// True if the prompt ends where the model's next answer starts.
    pub add_generation_prompt: bool,
    /// Further variables, such as `enable_thinking`; they win over every other name but `messages` and `tools`.
    pub variables: Map<String, Value>,
    /// Clock of `strftime_now`.
    pub clock: Arc<dyn Clock>,
}

impl Conversation {
    /// A conversation that ends with a generation prompt, without tools, on the machine's clock.
    pub fn new(messages: Vec<Message>) -> Conversation {
        Conversation {
            messages,
            tools: None,
            add_generation_prompt: true,
            variables: Map::new(),
            clock: Arc::new(SystemClock),
        }
    }
}

impl Default for Conversation {
    fn default() -> Conversation {
        Conversation::new(Vec::new())
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Conversation")
            .field("messages", &self.messages)
            .field("tools", &self.tools)
            .field("add_generation_prompt", &self.add_generation_prompt)
            .field("variables", &self.variables)
            .finish_non_exhaustive()
    }
}
