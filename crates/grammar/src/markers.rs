//! Texts and special tokens as Lark writes them.

use hefu_text::tokenizer::{TokenType, Tokenizer};

/// The id of the special token with this name, which cannot be written as text.
pub(crate) fn special(name: &str, tokenizer: &Tokenizer) -> Option<usize> {
    let vocabulary = tokenizer.vocabulary();
    let id = vocabulary.tokens.iter().position(|token| token == name)?;
    matches!(vocabulary.types.get(id), Some(TokenType::Control | TokenType::Unknown)).then_some(id)
}

/// A marker as an atom of a Lark rule: the token of that name if it is a special one, else its text.
pub(crate) fn marker(name: &str, tokenizer: &Tokenizer) -> String {
    match special(name, tokenizer) {
        Some(id) => format!("<[{id}]>"),
        None => quoted(name),
    }
}

/// A text as Lark writes it: as JSON does.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}
