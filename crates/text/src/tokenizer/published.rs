//! A vocabulary as the hub has it: `tokenizer.json`, with what `tokenizer_config.json` says beside it.
//!
//! The result is that of a converter to GGUF, so that [`super::Vocabulary`] reads both in the same way.

use super::pretokenizer;
use super::vocabulary::{MAX_MERGES, MAX_TOKENS, TokenType};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// The pattern of a byte-level pre-tokeniser that has none of its own.
const BYTE_LEVEL: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

/// A vocabulary in the words of GGUF.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Published {
    /// `tokenizer.ggml.model`.
    pub model: &'static str,
    /// `tokenizer.ggml.pre`.
    pub pre: &'static str,
    /// Each token's text.
    pub tokens: Vec<String>,
    /// Each token's type.
    pub types: Vec<i32>,
    /// Each token's score, for kinds that have scores.
    pub scores: Vec<f32>,
    /// Merge rules, for kinds that have them.
    pub merges: Vec<String>,
    /// Special tokens by the ends of their keys: `bos`, `eos`, `unknown`, `padding`.
    pub special: Vec<(&'static str, u32)>,
    /// True if a prompt starts and ends with special tokens.
    pub adds: [Option<bool>; 2],
    /// True if text is encoded as if a space stood before it.
    pub adds_space: Option<bool>,
    /// The chat template, and those that have names.
    pub templates: Vec<(Option<String>, String)>,
}

impl Published {
    /// Reads the two files, the second where there is one; `count` is the number of rows that the model has, `ends` the
    /// tokens that begin and end a text by the model's own description.
    ///
    /// # Errors
    /// A sentence that says what is not supported or wrong.
    pub fn read(
        tokenizer: &str,
        config: Option<&str>,
        count: Option<usize>,
        ends: [Option<u32>; 2],
    ) -> Result<Published, String> {
        let object = |text: &str, name: &str| {
            serde_json::from_str::<Map<String, Value>>(text)
                .map_err(|error| format!("{name} is no JSON object: {error}"))
        };
        let tokenizer = object(tokenizer, "tokenizer.json")?;
        let config = config.map(|text| object(text, "tokenizer_config.json")).transpose()?.unwrap_or_default();
        let bad = |problem: &str| format!("tokenizer.json {problem}");
        let model = tokenizer.get("model").and_then(Value::as_object).ok_or_else(|| bad("has no model"))?;
        if model.get("type").and_then(Value::as_str).is_some_and(|kind| kind != "BPE") {
            return Err(bad(
                "is of a kind other than BPE, which is not read from folders; use a GGUF file of the model",
            ));
        }
        let mut made = Published::default();
        let ids = made.tokens(&tokenizer, model, count)?;
        let merges = merges(model)?;
        if model.get("byte_fallback").and_then(Value::as_bool) == Some(true) {
            made.scored(&tokenizer, model, &merges, &ids);
        } else {
            (made.model, made.pre) = ("gpt2", pre(&tokenizer, model)?);
            made.merges = merges.into_iter().map(|(left, right)| format!("{left} {right}")).collect();
        }
        made.specials(&tokenizer, &config, &ids, ends);
        made.templates = templates(config.get("chat_template"));
        Ok(made)
    }

    /// Texts and types of all tokens; returns the ids of the texts.
    fn tokens(
        &mut self,
        tokenizer: &Map<String, Value>,
        model: &Map<String, Value>,
        count: Option<usize>,
    ) -> Result<HashMap<String, u32>, String> {
        let bad = |problem: &str| format!("tokenizer.json {problem}");
        let vocabulary = model.get("vocab").and_then(Value::as_object).ok_or_else(|| bad("has no vocabulary"))?;
        let added = tokenizer.get("added_tokens").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let id = |value: Option<&Value>| {
            let id = value.and_then(Value::as_u64).and_then(|id| u32::try_from(id).ok());
            id.filter(|id| (*id as usize) < MAX_TOKENS)
                .ok_or_else(|| bad("has a token without a number, or with one that is too large"))
        };
        let mut entries: Vec<(u32, String, TokenType)> = Vec::with_capacity(vocabulary.len() + added.len());
        for (text, value) in vocabulary {
            entries.push((id(Some(value))?, text.clone(), TokenType::Normal));
        }
        for token in added {
            let text =
                token.get("content").and_then(Value::as_str).ok_or_else(|| bad("has an added token without text"))?;
            let is_special = token.get("special").and_then(Value::as_bool) == Some(true) || looks_special(text);
            let (text, kind) = match is_special {
                true => (text.to_owned(), TokenType::Control),
                false => (text.replace('\u{2581}', " "), TokenType::UserDefined),
            };
            entries.push((id(token.get("id"))?, text, kind));
        }
        let last = entries.iter().map(|(id, ..)| *id as usize + 1).max().unwrap_or(0);
        let size = last.max(count.unwrap_or(0).min(MAX_TOKENS));
        self.tokens = (0..size).map(|id| format!("[PAD{id}]")).collect();
        self.types = vec![TokenType::Unused as i32; size];
        let mut ids = HashMap::with_capacity(entries.len());
        for (id, text, kind) in entries {
            self.types[id as usize] = kind as i32;
            ids.insert(text.clone(), id);
            self.tokens[id as usize] = text;
        }
        Ok(ids)
    }

    /// Scores of a vocabulary: a token's score falls with the rank of the first rule that makes it.
    fn scored(
        &mut self,
        tokenizer: &Map<String, Value>,
        model: &Map<String, Value>,
        merges: &[(String, String)],
        ids: &HashMap<String, u32>,
    ) {
        (self.model, self.pre) = ("llama", "default");
        self.scores = vec![0.0; self.tokens.len()];
        for (rank, (left, right)) in merges.iter().enumerate().rev() {
            if let Some(id) = ids.get(&format!("{left}{right}")) {
                self.scores[*id as usize] = -(rank as f32);
            }
        }
        for (text, kind) in self.tokens.iter().zip(&mut self.types) {
            if text.len() == 6 && text.starts_with("<0x") && text.ends_with('>') {
                *kind = TokenType::Byte as i32;
            }
        }
        let unknown = model.get("unk_token").and_then(Value::as_str).and_then(|text| ids.get(text));
        if let Some(id) = unknown {
            self.types[*id as usize] = TokenType::Unknown as i32;
        }
        let normalizer = tokenizer.get("normalizer").map(Value::to_string).unwrap_or_default();
        let pre = tokenizer.get("pre_tokenizer").map(Value::to_string).unwrap_or_default();
        let is_first = pre.contains("\"prepend_scheme\":\"first\"") || pre.contains("\"prepend_scheme\":\"always\"");
        self.adds_space = Some(normalizer.contains("\"Prepend\"") || is_first);
    }

    fn specials(
        &mut self,
        tokenizer: &Map<String, Value>,
        config: &Map<String, Value>,
        ids: &HashMap<String, u32>,
        ends: [Option<u32>; 2],
    ) {
        let named = |key: &str| {
            let value = config.get(key)?;
            let text = value.as_str().or_else(|| value.get("content")?.as_str())?;
            ids.get(text).copied()
        };
        let count = self.tokens.len();
        let special = [
            ("bos", named("bos_token").or(ends[0])),
            ("eos", named("eos_token").or(ends[1])),
            ("unknown", named("unk_token")),
            ("padding", named("pad_token")),
        ];
        self.special = special
            .into_iter()
            .filter_map(|(name, id)| Some((name, id.filter(|id| (*id as usize) < count)?)))
            .collect();
        let id = |name: &str| self.special.iter().find(|(other, _)| *other == name).map(|(_, id)| *id);
        let around = around(tokenizer.get("post_processor"), ids);
        self.adds =
            [("add_bos_token", "bos", around[0]), ("add_eos_token", "eos", around[1])].map(|(key, name, found)| {
                let said = config.get(key).and_then(Value::as_bool);
                said.or(Some(found.is_some() && found == id(name)))
            });
    }
}

/// True for a text like those of tokens that steer a model although nothing says that they do.
fn looks_special(text: &str) -> bool {
    let between = |start: &str, end: &str| text.starts_with(start) && text.ends_with(end);
    matches!(text, "<pad>" | "<mask>" | "<2mass>" | "[@BOS@]")
        || between("<|", "|>")
        || between("<\u{ff5c}", "\u{ff5c}>")
        || between("<unused", ">")
}

fn merges(model: &Map<String, Value>) -> Result<Vec<(String, String)>, String> {
    let merges = model.get("merges").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    if merges.len() > MAX_MERGES {
        return Err(format!("tokenizer.json has {} merge rules, more than the limit of {MAX_MERGES}", merges.len()));
    }
    let pair = |rule: &Value| match rule {
        Value::String(text) => text.split_once(' ').map(|(left, right)| (left.to_owned(), right.to_owned())),
        Value::Array(pair) => match &pair[..] {
            [Value::String(left), Value::String(right)] => Some((left.clone(), right.clone())),
            _ => None,
        },
        _ => None,
    };
    let read: Option<Vec<_>> = merges.iter().map(pair).collect();
    read.ok_or_else(|| "tokenizer.json has a merge rule that is no pair".to_owned())
}

/// The name of the pre-tokeniser with these patterns and habits.
fn pre(tokenizer: &Map<String, Value>, model: &Map<String, Value>) -> Result<&'static str, String> {
    let mut patterns = Vec::new();
    add_patterns(tokenizer.get("pre_tokenizer").unwrap_or(&Value::Null), &mut patterns)?;
    let composes = tokenizer.get("normalizer").is_some_and(|normalizer| normalizer.to_string().contains("\"NFC\""));
    let takes_whole = model.get("ignore_merges").and_then(Value::as_bool).unwrap_or(false);
    pretokenizer::named(&patterns, composes, takes_whole).ok_or_else(|| {
        format!(
            "tokenizer.json cuts text in a way that is not known: {}",
            patterns.join("  ").chars().take(200).collect::<String>()
        )
    })
}

fn add_patterns(step: &Value, patterns: &mut Vec<String>) -> Result<(), String> {
    let is = |key: &str| step.get(key).and_then(Value::as_bool);
    match step.get("type").and_then(Value::as_str) {
        None if step.is_null() => Ok(()),
        Some("Sequence") => {
            let steps = step.get("pretokenizers").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            steps.iter().try_for_each(|step| add_patterns(step, patterns))
        }
        Some("Split") => {
            let pattern = step.pointer("/pattern/Regex").and_then(Value::as_str);
            patterns.push(pattern.ok_or("tokenizer.json splits text without a pattern")?.to_owned());
            Ok(())
        }
        Some("Digits") if is("individual_digits") == Some(true) => {
            patterns.push(r"\p{N}".to_owned());
            Ok(())
        }
        Some("ByteLevel") => {
            if is("add_prefix_space") == Some(true) {
                return Err("tokenizer.json puts a space before text, which is not supported for folders".to_owned());
            }
            if is("use_regex") != Some(false) {
                patterns.push(BYTE_LEVEL.to_owned());
            }
            Ok(())
        }
        other => Err(format!(
            "tokenizer.json has a pre-tokeniser of the kind {}, which is not supported",
            other.unwrap_or("?")
        )),
    }
}

/// The special tokens before and after a text, by the post-processor.
fn around(processor: Option<&Value>, ids: &HashMap<String, u32>) -> [Option<u32>; 2] {
    let Some(processor) = processor else { return [None; 2] };
    let inner = processor.get("processors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let all = inner.iter().chain([processor]);
    let single = all.filter_map(|one| one.get("single")?.as_array()).next();
    let Some(single) = single else { return [None; 2] };
    let id = |item: Option<&Value>| ids.get(item?.pointer("/SpecialToken/id")?.as_str()?).copied();
    [id(single.first()), id(single.last())]
}

fn templates(value: Option<&Value>) -> Vec<(Option<String>, String)> {
    match value {
        Some(Value::String(text)) => vec![(None, text.clone())],
        Some(Value::Array(list)) => {
            let one = |entry: &Value| {
                let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
                let name = text("name").filter(|name| name != "default");
                Some((name, text("template")?))
            };
            list.iter().filter_map(one).collect()
        }
        _ => Vec::new(),
    }
}
