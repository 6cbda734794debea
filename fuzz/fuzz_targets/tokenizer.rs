//! Any vocabulary, and any text encoded and decoded with it.
//!
//! The data, parts separated by the byte 0xFF (which no UTF-8 text holds): settings, tokens, merges, text. Tokens and
//! merges are separated by the byte 0. A token is a byte for its type, a byte for its score, and its text; neither
//! byte can be 0 or 0xFF.
#![no_main]

use hefu_text::tokenizer::{Detokenizer, Metadata, Position, Special, Tokenizer, Vocabulary};
use libfuzzer_sys::fuzz_target;

/// One GGUF name for each way of cutting text into pieces, and one that does not exist.
const PRE_TOKENIZERS: &[&str] = &[
    "gpt-2",
    "olmo",
    "smollm",
    "command-r",
    "llama-bpe",
    "smaug-bpe",
    "glm4",
    "qwen2",
    "qwen35",
    "minicpm5",
    "tekken",
    "gpt-4o",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "falcon",
    "superbpe",
    "no such pre-tokenizer",
];

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(4, |byte| *byte == 0xff);
    let mut part = || parts.next().unwrap_or_default();
    let source = Source::new(part(), part(), part());
    let text = String::from_utf8_lossy(part());
    let Ok(vocabulary) = Vocabulary::from_metadata(&source) else { return };
    let Ok(tokenizer) = Tokenizer::new(vocabulary) else { return };
    for special in [Special::Parse, Special::Plain] {
        let ids = tokenizer.encode(&text, special);
        assert!(ids.iter().all(|id| (*id as usize) < tokenizer.size()), "an id outside the vocabulary");
        let mut stream = Detokenizer::new(&tokenizer, Position::Start);
        let mut streamed: String = ids.iter().map(|id| stream.push(*id)).collect();
        streamed.push_str(&stream.finish());
        assert_eq!(streamed, tokenizer.decode(&ids), "a stream decodes to another text than the whole");
        tokenizer.encode_prompt(&text, special);
    }
    // Ids that no text gives, in any order, and one outside the vocabulary.
    let ids: Vec<u32> = text.bytes().map(u32::from).chain([u32::MAX]).collect();
    let mut stream = Detokenizer::new(&tokenizer, Position::Continuation).render_special(true);
    ids.iter().for_each(|id| drop(stream.push(*id)));
    stream.finish();
    tokenizer.decode(&ids);
});

/// The keys of a model file, made from the data.
struct Source {
    is_byte_level: bool,
    settings: Vec<u8>,
    tokens: Vec<String>,
    types: Vec<i64>,
    scores: Vec<f32>,
    merges: Vec<String>,
}

impl Source {
    fn new(settings: &[u8], tokens: &[u8], merges: &[u8]) -> Source {
        let is_byte_level = settings.first().is_none_or(|kind| kind % 2 == 0);
        let mut source = Source {
            is_byte_level,
            settings: settings.to_vec(),
            tokens: Vec::new(),
            types: Vec::new(),
            scores: Vec::new(),
            merges: entries(merges).map(text_of).collect(),
        };
        // Most vocabularies that lack a byte are refused; so that fuzzing gets further, a switch adds all of them.
        if source.flag(0) {
            let alphabet = if is_byte_level { byte_level_alphabet() } else { byte_tokens() };
            let kind = if is_byte_level { 1 } else { 6 };
            alphabet.into_iter().for_each(|text| source.push(text, kind, 0));
        }
        for entry in entries(tokens) {
            let (kind, score) = (entry.first().copied().unwrap_or(1), entry.get(1).copied().unwrap_or(0));
            source.push(text_of(entry.get(2..).unwrap_or_default()), i64::from(kind % 8), score as i8);
        }
        source
    }

    fn push(&mut self, text: String, kind: i64, score: i8) {
        self.tokens.push(text);
        self.types.push(kind);
        self.scores.push(f32::from(score));
    }

    /// Bit `bit` of the second byte of the settings.
    fn flag(&self, bit: u32) -> bool {
        self.settings.get(1).is_some_and(|flags| flags >> bit & 1 == 1)
    }
}

impl Metadata for Source {
    fn string(&self, key: &str) -> Option<&str> {
        match key {
            "tokenizer.ggml.model" => Some(if self.is_byte_level { "gpt2" } else { "llama" }),
            "tokenizer.ggml.pre" => {
                let index = self.settings.get(2).copied().unwrap_or(0);
                PRE_TOKENIZERS.get(usize::from(index) % PRE_TOKENIZERS.len()).copied()
            }
            _ => None,
        }
    }

    fn unsigned(&self, key: &str) -> Option<u64> {
        let index = match key {
            "tokenizer.ggml.bos_token_id" => 3,
            "tokenizer.ggml.eos_token_id" => 4,
            "tokenizer.ggml.unknown_token_id" => 5,
            "tokenizer.ggml.eot_token_id" => 6,
            _ => return None,
        };
        // Counted from the end, where the tokens of the data are.
        let back = self.settings.get(index).copied().map(u64::from)?;
        (self.tokens.len() as u64).checked_sub(back)
    }

    fn boolean(&self, key: &str) -> Option<bool> {
        match key {
            "tokenizer.ggml.add_bos_token" => Some(self.flag(1)),
            "tokenizer.ggml.add_eos_token" => Some(self.flag(2)),
            "tokenizer.ggml.add_space_prefix" => Some(self.flag(3)),
            _ => None,
        }
    }

    fn strings(&self, key: &str) -> Option<Vec<&str>> {
        match key {
            "tokenizer.ggml.tokens" => Some(self.tokens.iter().map(String::as_str).collect()),
            "tokenizer.ggml.merges" => Some(self.merges.iter().map(String::as_str).collect()),
            _ => None,
        }
    }

    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        (key == "tokenizer.ggml.token_type").then(|| self.types.clone())
    }

    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        (key == "tokenizer.ggml.scores").then(|| self.scores.clone())
    }
}

/// The parts between zero bytes; none if there are no bytes.
fn entries(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == 0).filter(move |_| !bytes.is_empty())
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The byte-level alphabet: printable Latin-1 characters for themselves, the rest from U+0100 on.
fn byte_level_alphabet() -> Vec<String> {
    let mut next = 0x100u32;
    let character = |byte: u32| match byte {
        0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff => byte,
        _ => {
            next += 1;
            next - 1
        }
    };
    (0..256).map(character).filter_map(char::from_u32).map(String::from).collect()
}

/// SentencePiece's byte tokens.
fn byte_tokens() -> Vec<String> {
    (0..256).map(|byte| format!("<0x{byte:02X}>")).collect()
}
