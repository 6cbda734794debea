//! Ids to text while they arrive.
use super::Tokenizer;
use std::borrow::Borrow;

/// Where in a text the ids that are decoded stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// At its start: the space that SentencePiece vocabularies put before a text is removed.
    Start,
    /// After other text, as an answer stands after its prompt: every space is kept.
    Continuation,
}

/// Turns a stream of ids into text, never emitting part of a character.
///
/// `T` is a reference or a shared pointer to the tokeniser. The texts that [`Self::push`] and [`Self::finish`] return,
/// joined, are what [`String::from_utf8_lossy`] makes of all the tokens' bytes.
#[derive(Debug, Clone)]
pub struct Detokenizer<T> {
    tokenizer: T,
    /// The start of a character whose other bytes have not arrived; at most 3 bytes between calls.
    pending: Vec<u8>,
    strip_space: bool,
    render_special: bool,
    /// Special tokens that are written as their names in any case, ascending.
    shown: Vec<u32>,
}

impl<T: Borrow<Tokenizer>> Detokenizer<T> {
    /// A stream that starts at `position` and leaves special tokens out.
    pub fn new(tokenizer: T, position: Position) -> Self {
        let strip_space = position == Position::Start && tokenizer.borrow().vocabulary().add_space_prefix;
        Self { tokenizer, pending: Vec::new(), strip_space, render_special: false, shown: Vec::new() }
    }

    /// Writes special tokens as their names (`<|im_end|>`) or leaves them out.
    #[must_use]
    pub fn render_special(mut self, render_special: bool) -> Self {
        self.render_special = render_special;
        self
    }

    /// Writes these special tokens as their names even if the others are left out: the markers of tool calls above all
    /// ([`crate::tools::ToolFormat::shown_tokens`]).
    #[must_use]
    pub fn show(mut self, ids: impl IntoIterator<Item = u32>) -> Self {
        self.shown = ids.into_iter().collect();
        self.shown.sort_unstable();
        self
    }

    /// The text that is complete once `id` has arrived. Bytes that cannot belong to any character give U+FFFD.
    pub fn push(&mut self, id: u32) -> String {
        let is_shown = self.render_special || self.shown.binary_search(&id).is_ok();
        let whole = self.tokenizer.borrow().token_bytes(id, is_shown);
        let bytes = match whole.strip_prefix(b" ") {
            Some(rest) if self.strip_space => rest,
            _ => whole,
        };
        // Tokens without text (BOS) do not count as the first of the text.
        self.strip_space &= whole.is_empty();
        self.pending.extend_from_slice(bytes);
        self.take_complete()
    }

    /// Ends the stream: what was waiting for the rest of its character gives U+FFFD.
    pub fn finish(self) -> String {
        String::from_utf8_lossy(&self.pending).into_owned()
    }

    fn take_complete(&mut self) -> String {
        let mut text = String::new();
        let mut rest = self.pending.as_slice();
        while let Err(error) = std::str::from_utf8(rest) {
            let (valid, after) = rest.split_at(error.valid_up_to());
            text.push_str(&String::from_utf8_lossy(valid));
            rest = after;
            // An error without a length is the start of a character that may yet be completed.
            let Some(broken) = error.error_len() else {
                self.pending = rest.to_vec();
                return text;
            };
            text.push(char::REPLACEMENT_CHARACTER);
            rest = rest.get(broken..).unwrap_or(&[]);
        }
        text.push_str(&String::from_utf8_lossy(rest));
        self.pending.clear();
        text
    }
}
