//! A text and what may follow it, as tokens.

use crate::ask::{Ask, Prompt};
use crate::message::{Message, Role};
use crate::model::TextModel;
use crate::prompt::prompt_ids;
use hefu_text::tokenizer::Special;

/// Reason why a continuation cannot be scored; a sentence without its subject.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContinuationError {
    /// A text after ids, or the other way round.
    #[error("must be a text or ids as its context is")]
    Mixed,
    /// A token that the model does not have.
    #[error("names token {id}, but the vocabulary has only {size}")]
    Unknown {
        /// The token.
        id: u32,
        /// Number of tokens in the vocabulary.
        size: usize,
    },
    /// Nothing that could be scored.
    #[error("adds no token to its context")]
    Nothing,
    /// Nothing before the first token.
    #[error("has an empty context, and the model has no token that begins a text")]
    NoBeginning,
    /// The conversation before it is at fault.
    #[error("follows a conversation that is at fault: {0}")]
    Conversation(Box<crate::Error>),
}

/// The tokens of a context with its continuation, and where the continuation's begin, which is never at 0.
///
/// Texts are cut into tokens together; blanks at the end of the context count as the continuation's, whose first token mostly
/// holds them. After a conversation the continuation is the start of the answer.
///
/// # Errors
/// A text that cannot be scored.
pub fn continued(
    context: &Prompt,
    continuation: &Prompt,
    model: &TextModel,
) -> Result<(Vec<u32>, usize), ContinuationError> {
    let tokenizer = &model.tokenizer;
    let (mut ids, mut from) = match (context, continuation) {
        (Prompt::Text(context), Prompt::Text(text)) => {
            let whole = tokenizer.encode_prompt(&format!("{context}{text}"), Special::Parse);
            (whole, tokenizer.encode_prompt(context.trim_end(), Special::Parse).len())
        }
        (Prompt::Ids(context), Prompt::Ids(ids)) => ([&context[..], ids].concat(), context.len()),
        (Prompt::Messages(messages), Prompt::Text(text)) => answered(messages, text, model)?,
        _ => return Err(ContinuationError::Mixed),
    };
    if let Some(id) = ids.iter().find(|id| **id as usize >= tokenizer.size()) {
        return Err(ContinuationError::Unknown { id: *id, size: tokenizer.size() });
    }
    if from >= ids.len() {
        return Err(ContinuationError::Nothing);
    }
    if from == 0 {
        let vocabulary = tokenizer.vocabulary();
        ids.insert(0, vocabulary.bos.or(vocabulary.eos).ok_or(ContinuationError::NoBeginning)?);
        from = 1;
    }
    Ok((ids, from))
}

/// A conversation with the start of its answer; the answer begins where the tokens leave those of the conversation alone.
fn answered(messages: &[Message], text: &str, model: &TextModel) -> Result<(Vec<u32>, usize), ContinuationError> {
    let ids = |messages: Vec<Message>, continue_last| {
        let ask = Ask { prompt: Prompt::Messages(messages), continue_last, ..Ask::default() };
        let ids = prompt_ids(&ask, model, |_: &str| Ok::<(), crate::Error>(()));
        ids.map_err(|error| ContinuationError::Conversation(Box::new(error)))
    };
    let context = ids(messages.to_vec(), false)?;
    let whole = ids([messages, &[Message::new(Role::Assistant, text)]].concat(), true)?;
    let from = context.iter().zip(&whole).take_while(|(left, right)| left == right).count();
    Ok((whole, from))
}
