//! Small tokenisers for tests.

use hefu_text::tokenizer::{Metadata, Tokenizer, Vocabulary};

/// A vocabulary of letters and these control tokens.
struct Letters(Vec<String>);

impl Metadata for Letters {
    fn string(&self, key: &str) -> Option<&str> {
        match key {
            "tokenizer.ggml.model" => Some("gpt2"),
            "tokenizer.ggml.pre" => Some("gpt-2"),
            _ => None,
        }
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        (key == "tokenizer.ggml.unknown_token_id").then_some(0)
    }

    fn boolean(&self, _: &str) -> Option<bool> {
        None
    }

    fn strings(&self, key: &str) -> Option<Vec<&str>> {
        match key {
            "tokenizer.ggml.tokens" => Some(self.0.iter().map(String::as_str).collect()),
            "tokenizer.ggml.merges" => Some(Vec::new()),
            _ => None,
        }
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        // 1 is a normal token, 3 a control token.
        let kind = |text: &String| if text.chars().count() == 1 { 1 } else { 3 };
        (key == "tokenizer.ggml.token_type").then(|| self.0.iter().map(kind).collect())
    }

    fn floats(&self, _: &str) -> Option<Vec<f32>> {
        None
    }
}

/// A tokeniser of letters and control tokens with these names.
pub(crate) fn tokenizer(names: &[&str]) -> Tokenizer {
    // The line break as vocabularies of bytes spell it.
    let letters = "?abcdefghijklmnopqrstuvwxyz.<>|_Ċ".chars().map(String::from);
    let letters = Letters(letters.chain(names.iter().map(|name| (*name).to_owned())).collect());
    Tokenizer::new(Vocabulary::from_metadata(&letters).unwrap()).unwrap()
}
