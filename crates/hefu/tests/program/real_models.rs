//! The promise on the real models: the same tokens and the same logits whatever computes them.
//!
//! They are looked for in the folder that `HEFU_MODELS` names, else in the model store; what is in neither is skipped,
//! and the test says so.

use crate::support::Home;
use hefu_store::{Resolution, Store};
use std::path::{Path, PathBuf};

/// The catalogue's models: name and file.
const MODELS: [(&str, &str); 2] = [
    ("qwen2.5-coder-0.5b-instruct", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
    ("gemma-3-270m", "gemma-3-270m-q4_k_m.gguf"),
];

/// Tokens of the answer: enough to cross from the prefill into many single steps.
const TOKENS: &str = "8";

fn find(name: &str, file: &str) -> Option<PathBuf> {
    let found = match std::env::var_os("HEFU_MODELS") {
        Some(folder) => Some(Path::new(&folder).join(file)),
        None => match Store::open(None).and_then(|store| store.resolve(name)) {
            Ok(Resolution::Ready(model)) => model.files.first().map(|file| file.path.clone()),
            _ => None,
        },
    };
    let found = found.filter(|path| path.is_file());
    if found.is_none() {
        eprintln!("SKIPPED: {name} is neither in HEFU_MODELS nor in the model store");
    }
    found
}

pub(crate) fn models() -> impl Iterator<Item = (&'static str, PathBuf)> {
    MODELS.iter().filter_map(|(name, file)| Some((*name, find(name, file)?)))
}

#[test]
fn every_way_to_compute_gives_the_same_bits() {
    let home = Home::new();
    for (_, model) in models() {
        let ask = |more: &[&str]| {
            let fixed = ["run", "--raw", "--json", "--temperature", "0", "--seed", "1", "--logits-hash"];
            let length = ["--max-tokens", TOKENS, "--context", "512", "--model", model.to_str().unwrap()];
            let prompt = "The first prime numbers are 2, 3, 5, 7 and the largest known one has";
            home.hefu(&[&fixed[..], &length, more, &[prompt]].concat()).json()
        };
        let expected = ask(&["--isa", "reference", "--threads", "2"]);
        assert_eq!(expected["logits_hash"].as_str().map(str::len), Some(64));
        let mut ways: Vec<Vec<String>> = Vec::new();
        for isa in hefu_cpu::select::ISAS.iter().filter(|isa| (isa.is_available)() && isa.name != "reference") {
            for threads in ["1", "2"] {
                ways.push(["--isa", isa.name, "--threads", threads].map(str::to_owned).to_vec());
            }
        }
        for chunk in ["1", "3", "16"] {
            ways.push(["--prefill-chunk", chunk].map(str::to_owned).to_vec());
        }
        for way in ways {
            let way: Vec<&str> = way.iter().map(String::as_str).collect();
            let answer = ask(&way);
            for key in ["token_ids", "logits_hash", "text", "fingerprint"] {
                assert_eq!(answer[key], expected[key], "{key} of {} with {way:?}", model.display());
            }
        }
    }
}

/// Enough tokens at once that rows go through the feed-forward part in several pieces.
#[test]
fn a_long_prompt_gives_the_same_bits_in_every_cut() {
    let home = Home::new();
    let prompt: Vec<String> = (0..160).map(|number| format!("word{number} alpha")).collect();
    for (_, model) in models() {
        let ask = |chunk: &str| {
            let fixed =
                ["run", "--raw", "--json", "--temperature", "0", "--seed", "1", "--logits-hash", "--max-tokens", "3"];
            let way = ["--prefill-chunk", chunk, "--model", model.to_str().unwrap()];
            home.hefu(&[&fixed[..], &way, &[&prompt.join(" ")]].concat()).json()
        };
        let expected = ask("100");
        assert!(expected["usage"]["prompt_tokens"].as_u64() > Some(512), "{expected}");
        for key in ["token_ids", "logits_hash"] {
            assert_eq!(ask("512")[key], expected[key], "{key} of {}", model.display());
        }
    }
}

#[test]
fn a_person_gets_a_sensible_answer() {
    let home = Home::new();
    for (_, model) in models().filter(|(name, _)| name.contains("instruct")) {
        let fixed = ["run", "--temperature", "0", "--max-tokens", "24", "--model", model.to_str().unwrap()];
        let text = home.hefu(&[&fixed[..], &["What is the capital of France? Answer in one word."]].concat()).success();
        assert!(text.contains("Paris"), "{text}");
    }
}
