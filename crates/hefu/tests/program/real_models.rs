//! The promise on the real models: the same tokens and the same logits whatever computes them.
//!
//! `HEFU_MODELS` names a folder with the catalogue's two models; where it is not set, these tests say so and end.

use crate::support::Home;
use std::path::PathBuf;

const FILES: [&str; 2] = ["qwen2.5-coder-0.5b-instruct-q4_k_m.gguf", "gemma-3-270m-q4_k_m.gguf"];

/// Tokens of the answer: enough to cross from the prefill into many single steps.
const TOKENS: &str = "8";

fn models() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("HEFU_MODELS").map(PathBuf::from) else {
        eprintln!("skipped: HEFU_MODELS names no folder with the real models");
        return Vec::new();
    };
    let (found, missing): (Vec<PathBuf>, Vec<PathBuf>) =
        FILES.iter().map(|file| folder.join(file)).partition(|path| path.is_file());
    missing.iter().for_each(|path| eprintln!("skipped: {} is not there", path.display()));
    found
}

#[test]
fn every_way_to_compute_gives_the_same_bits() {
    let home = Home::new();
    for model in models() {
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

#[test]
fn a_person_gets_a_sensible_answer() {
    let home = Home::new();
    for model in models().iter().filter(|model| model.to_string_lossy().contains("instruct")) {
        let fixed = ["run", "--temperature", "0", "--max-tokens", "24", "--model", model.to_str().unwrap()];
        let text = home.hefu(&[&fixed[..], &["What is the capital of France? Answer in one word."]].concat()).success();
        assert!(text.contains("Paris"), "{text}");
    }
}
