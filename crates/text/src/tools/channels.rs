//! Answers that are messages in channels: `<|channel|>analysis<|message|>…<|end|><|start|>assistant<|channel|>final…`.
//!
//! A message to `functions.name` is a call, one in the channel `analysis` is reasoning, all others are text.

use super::markers::CHANNEL;

/// Kinds of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    /// The model's words.
    Said,
    /// The model's thoughts.
    Thought,
    /// A call of a function.
    Call(String),
}

impl Channel {
    /// Channel by the text before the message.
    pub(super) fn of_header(header: &str) -> Self {
        let following = |mark: &str| {
            let start = header.find(mark)? + mark.len();
            let rest = header.get(start..)?;
            rest.split(|character: char| character.is_whitespace() || character == '<').next()
        };
        match following("to=functions.") {
            Some(name) if !name.is_empty() => Self::Call(name.to_owned()),
            _ if following(CHANNEL) == Some("analysis") => Self::Thought,
            _ => Self::Said,
        }
    }
}
