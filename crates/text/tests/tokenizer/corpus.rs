//! The real vocabularies against the ids of the original tokenisers (`golden/tokenizer/make_corpus.py`).
//!
//! The vocabularies are in the model files, which are not in the repository: the test looks for them in the folder
//! that `HEFU_MODELS` names, then in the model store. It says so when it finds none; a folder named by `HEFU_MODELS`
//! that lacks a model is a failure.
use hefu_model::gguf::{self, Gguf};
use hefu_text::tokenizer::{Metadata, Special, Tokenizer, Vocabulary};
use std::io::Write;
use std::path::{Path, PathBuf};

#[test]
fn qwen_ids_are_those_of_the_original() {
    check(&Case {
        model: "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        sha256: "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        expected: "qwen2.5.jsonl",
        size: 151_936,
        ends: &["<|im_end|>", "<|endoftext|>"],
    });
}

#[test]
fn gemma_ids_are_those_of_the_original() {
    check(&Case {
        model: "gemma-3-270m-q4_k_m.gguf",
        sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
        expected: "gemma3.jsonl",
        size: 262_144,
        ends: &["<eos>", "<end_of_turn>"],
    });
}

struct Case {
    model: &'static str,
    sha256: &'static str,
    expected: &'static str,
    size: usize,
    ends: &'static [&'static str],
}

fn check(case: &Case) {
    let model = case.model;
    let Some(path) = find(model, case.sha256) else {
        // Written past the test harness, which hides what passing tests print.
        let mut error = std::io::stderr();
        let _ = writeln!(error, "SKIPPED: {model} is neither in HEFU_MODELS nor in the model store: ids not checked");
        return;
    };
    let tokenizer = load(&path);
    assert_eq!(tokenizer.size(), case.size);
    for end in case.ends {
        let ids = tokenizer.encode(end, Special::Parse);
        assert!(ids.len() == 1 && tokenizer.is_end(ids[0]), "{end} must be one token and an end");
    }
    let strings = lines::<String>("strings.jsonl");
    let ids = lines::<Vec<Vec<u32>>>(case.expected);
    assert!(strings.len() >= 2000);
    assert_eq!(strings.len(), ids.len());
    for (text, ids) in strings.iter().zip(&ids) {
        let (parsed, plain) = (ids.first().unwrap(), ids.last().unwrap());
        assert_eq!(&tokenizer.encode(text, Special::Parse), parsed, "{text:?}");
        assert_eq!(&tokenizer.encode(text, Special::Plain), plain, "{text:?} with special tokens as text");
    }
}

fn find(model: &str, digest: &str) -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("HEFU_MODELS") {
        return Some(Path::new(&folder).join(model));
    }
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = || variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    let store = variable("HEFU_HOME").or_else(|| Some(cache()?.join("hefu")))?;
    Some(store.join("blobs").join(format!("sha256-{digest}"))).filter(|path| path.is_file())
}

fn load(path: &Path) -> Tokenizer {
    let file = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let model = Gguf::parse(&[&file]).unwrap();
    Tokenizer::new(Vocabulary::from_metadata(&Adapter(model.metadata())).unwrap()).unwrap()
}

fn lines<T: for<'de> serde::Deserialize<'de>>(name: &str) -> Vec<T> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/tokenizer").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(crate) struct Adapter<'a>(pub(crate) &'a gguf::Metadata<'a>);

impl Adapter<'_> {
    fn array<T>(&self, key: &str, convert: impl Fn(gguf::Value<'_>) -> Option<T>) -> Option<Vec<T>> {
        self.0.get(key)?.array()?.iter().map(convert).collect()
    }
}

impl Metadata for Adapter<'_> {
    fn string(&self, key: &str) -> Option<&str> {
        self.0.string(key).ok()?
    }
    fn unsigned(&self, key: &str) -> Option<u64> {
        self.0.unsigned(key).ok()?
    }
    fn boolean(&self, key: &str) -> Option<bool> {
        self.0.boolean(key).ok()?
    }
    fn strings(&self, key: &str) -> Option<Vec<&str>> {
        self.0.strings(key).ok()?
    }
    fn integers(&self, key: &str) -> Option<Vec<i64>> {
        self.array(key, |value| value.integer())
    }
    fn floats(&self, key: &str) -> Option<Vec<f32>> {
        self.array(key, |value| value.float())
    }
}
