//! Vocabularies made by hand and metadata kept in a table.
use hefu_text::tokenizer::{Kind, Metadata, TokenType, Tokenizer, Vocabulary};
use std::collections::HashMap;

/// A metadata value.
#[derive(Clone)]
pub(crate) enum Value {
    Text(&'static str),
    Number(u64),
    Flag(bool),
    Texts(Vec<String>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
}

/// Metadata in a table.
#[derive(Clone, Default)]
pub(crate) struct Table(HashMap<String, Value>);

impl Table {
    /// Sets `tokenizer.ggml.<name>`.
    pub(crate) fn set(mut self, name: &str, value: Value) -> Self {
        self.0.insert(format!("tokenizer.ggml.{name}"), value);
        self
    }

    /// Removes `tokenizer.ggml.<name>`.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.0.remove(&format!("tokenizer.ggml.{name}"));
        self
    }
}

macro_rules! getter {
    ($name:ident, $type:ty, $pattern:pat => $value:expr) => {
        fn $name(&self, key: &str) -> Option<$type> {
            match self.0.get(key)? {
                $pattern => Some($value),
                _ => None,
            }
        }
    };
}

impl Metadata for Table {
    getter!(string, &str, Value::Text(text) => text);
    getter!(unsigned, u64, Value::Number(number) => *number);
    getter!(boolean, bool, Value::Flag(flag) => *flag);
    getter!(strings, Vec<&str>, Value::Texts(texts) => texts.iter().map(String::as_str).collect());
    getter!(integers, Vec<i64>, Value::Integers(integers) => integers.clone());
    getter!(floats, Vec<f32>, Value::Floats(floats) => floats.clone());
}

/// A byte-level vocabulary: the 256 bytes in ascending order, the results of the merges, the added tokens.
pub(crate) fn byte_level(pre: &str, merges: &[&str], added: &[(&str, TokenType)]) -> Vocabulary {
    let mut tokens: Vec<String> = spellings().iter().map(char::to_string).collect();
    tokens.extend(merges.iter().map(|merge| merge.replace(' ', "")));
    let mut types = vec![TokenType::Normal; tokens.len()];
    tokens.extend(added.iter().map(|(text, _)| text.to_string()));
    types.extend(added.iter().map(|(_, kind)| *kind));
    let (tokens, merges) = (tokens.iter().collect(), merges.iter().collect());
    Vocabulary { pre_tokenizer: pre.into(), tokens, types, merges, ..Vocabulary::empty(Kind::ByteLevel) }
}

/// A SentencePiece vocabulary: `<unk>`, `<s>`, `</s>`, the 256 bytes, then the pieces, best first.
pub(crate) fn scored(pieces: &[&str], added: &[(&str, TokenType)]) -> Vocabulary {
    let mut tokens: Vec<String> = ["<unk>", "<s>", "</s>"].map(String::from).to_vec();
    let mut types = vec![TokenType::Unknown, TokenType::Control, TokenType::Control];
    tokens.extend((0..256).map(|byte| format!("<0x{byte:02X}>")));
    types.extend([TokenType::Byte; 256]);
    tokens.extend(pieces.iter().map(|piece| piece.to_string()));
    types.resize(tokens.len(), TokenType::Normal);
    tokens.extend(added.iter().map(|(text, _)| text.to_string()));
    types.extend(added.iter().map(|(_, kind)| *kind));
    let scores = (0..tokens.len()).map(|id| -(id as f32)).collect();
    let vocabulary =
        Vocabulary { tokens: tokens.iter().collect(), types, scores, ..Vocabulary::empty(Kind::SentencePiece) };
    Vocabulary { bos: Some(1), eos: Some(2), unknown: Some(0), add_bos: true, add_space_prefix: true, ..vocabulary }
}

/// The same as metadata, for reading.
pub(crate) fn metadata(vocabulary: &Vocabulary) -> Table {
    let number = |id: Option<u32>| Value::Number(id.unwrap_or(0).into());
    let table = Table::default()
        .set("tokens", Value::Texts(vocabulary.tokens.iter().map(String::from).collect()))
        .set("token_type", Value::Integers(vocabulary.types.iter().map(|kind| *kind as i64).collect()))
        .set("bos_token_id", number(vocabulary.bos))
        .set("eos_token_id", number(vocabulary.eos));
    match vocabulary.kind {
        Kind::ByteLevel => table
            .set("model", Value::Text("gpt2"))
            .set("pre", Value::Text("qwen2"))
            .set("merges", Value::Texts(vocabulary.merges.iter().map(String::from).collect())),
        Kind::SentencePiece => table
            .set("model", Value::Text("llama"))
            .set("unknown_token_id", Value::Number(0))
            .set("scores", Value::Floats(vocabulary.scores.clone())),
        other => panic!("no metadata are made for {other:?}"),
    }
}

/// The texts of the tokens that `ids` are.
pub(crate) fn texts<'a>(tokenizer: &'a Tokenizer, ids: &[u32]) -> Vec<&'a str> {
    ids.iter().map(|id| tokenizer.vocabulary().tokens.get(*id as usize).unwrap()).collect()
}

/// The same vocabulary with another text for a token.
pub(crate) fn with_text(vocabulary: Vocabulary, id: usize, text: &str) -> Vocabulary {
    let texts = vocabulary.tokens.iter().enumerate();
    let tokens = texts.map(|(other, old)| if other == id { text } else { old }).collect();
    Vocabulary { tokens, ..vocabulary }
}

/// GPT-2's spelling of each byte.
fn spellings() -> Vec<char> {
    let is_itself = |byte: u32| (33..127).contains(&byte) || (161..256).contains(&byte) && byte != 173;
    let mut others = (256..).filter_map(char::from_u32);
    let spell = |byte| if is_itself(byte) { char::from_u32(byte) } else { others.next() };
    (0..256).filter_map(spell).collect()
}
