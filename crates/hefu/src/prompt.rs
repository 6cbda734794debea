//! From a conversation or a plain text to the prompt's tokens.

use crate::failure::Failure;
use crate::load::Loaded;
use hefu_text::template::{Conversation, Error, Message};
use hefu_text::tokenizer::Special;

/// The tokens of a conversation, as the model's template writes it. Like the originals, nothing is added to what the
/// template gives: templates write the beginning-of-sequence token themselves.
///
/// # Errors
/// If there is no template, or it refuses the conversation.
pub(crate) fn of_conversation(loaded: &Loaded, messages: &[Message]) -> Result<Vec<u32>, Failure> {
    let said = |error: &Error| Failure::Other(format!("{}: {error}", loaded.resolved.name));
    let template = loaded.template.as_ref().ok_or_else(|| said(&Error::Missing))?;
    let text = template.render(&Conversation::new(messages.to_vec())).map_err(|error| said(&error))?;
    Ok(loaded.tokenizer.encode(&text, Special::Parse))
}

/// The tokens of a text as it stands, with the beginning-of-sequence token if the vocabulary asks for it. Text that
/// spells a special token becomes that token, so that a template can be written by hand.
pub(crate) fn of_text(loaded: &Loaded, text: &str) -> Vec<u32> {
    loaded.tokenizer.encode_prompt(text, Special::Parse)
}
