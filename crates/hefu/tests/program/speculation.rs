//! Guesses from outside: they are counted, and nothing else about an answer shows them. Many sequences in `bench`.

use crate::real_models;
use crate::support::Home;
use serde_json::Value;

/// Fields that may not differ.
const SAME: [&str; 7] = ["text", "token_ids", "finish_reason", "usage", "seed", "fingerprint", "logits_hash"];

fn ask(home: &Home, model: &str, more: &[&str]) -> Value {
    let fixed = ["run", "--json", "--logits-hash", "--seed", "3", "--model", model];
    home.hefu(&[&fixed, more].concat()).json()
}

/// Asks without guesses and with each kind of them; returns the first answer and how many guesses were right.
fn compare(home: &Home, model: &str, asked: &[&str], ways: &[&[&str]]) -> (Value, u64) {
    let plain = ask(home, model, &[asked, &["--speculate", "off"]].concat());
    assert_eq!(plain["speculation"]["drafted_tokens"], 0);
    let mut accepted = 0;
    for way in ways {
        let found = ask(home, model, &[asked, way].concat());
        for key in SAME {
            assert_eq!(found[key], plain[key], "{key} with {way:?} and {asked:?}");
        }
        accepted += found["speculation"]["accepted_tokens"].as_u64().unwrap();
    }
    (plain, accepted)
}

#[test]
fn an_answer_is_the_same_with_and_without() {
    let home = Home::new();
    let ways: [&[&str]; 4] = [
        &[],
        &["--speculate", "ngram", "--draft-tokens", "5"],
        &["--speculate", "draft", "--draft-model", "tiny.gguf", "--draft-tokens", "3"],
        &["--draft-model", "tiny.gguf"],
    ];
    let compare = |asked: &[&str]| compare(&home, "tiny.gguf", &[asked, &["aba aba aba ab"]].concat(), &ways);
    let (plain, accepted) = compare(&["--temperature", "0", "--max-tokens", "40"]);
    assert!(accepted > 0);
    compare(&["--temperature", "1", "--max-tokens", "40"]);
    compare(&["--temperature", "1", "--repetition-penalty", "1.3", "--dry-multiplier", "1", "-n", "30"]);
    // The limits fall inside a run of guesses: a length, the context, a stop string.
    for most in ["1", "2", "3", "7"] {
        compare(&["--temperature", "0", "--max-tokens", most]);
    }
    compare(&["--temperature", "0", "--raw", "--ignore-eos", "--context", "33"]);
    let text = plain["text"].as_str().unwrap();
    let readable: String = text.chars().filter(char::is_ascii_graphic).collect();
    let stop = readable.get(readable.len() / 2..readable.len() / 2 + 1).unwrap();
    let (stopped, _) = compare(&["--temperature", "0", "--max-tokens", "40", "--stop", stop]);
    assert_eq!(stopped["finish_reason"], "stop");
}

#[test]
fn the_models_own_block_guesses() {
    let home = Home::new();
    for name in ["tiny-qwen35-mtp", "tiny-deepseek2-mtp", "tiny-nemotron_h_moe-mtp"] {
        let path = crate::support::repository(&format!("golden/models/{name}.gguf"));
        let model = path.to_str().unwrap();
        let ways: [&[&str]; 3] =
            [&["--speculate", "mtp", "--draft-tokens", "2"], &["--speculate", "mtp", "--prefill-chunk", "3"], &[]];
        for temperature in ["0", "1"] {
            let asked = ["--raw", "--temperature", temperature, "-n", "40", "--ignore-eos", "the other one in a text"];
            let (_, accepted) = compare(&home, model, &asked, &ways);
            assert!(accepted > 20, "{name}: {accepted} guesses were right");
        }
    }
    let said = home.tiny(&["run", "--speculate", "mtp", "x"]).failure(2);
    assert!(said.contains("no block for further tokens"), "{said}");
}

#[test]
fn what_cannot_guess_is_refused() {
    let home = Home::new();
    let said = home.tiny(&["run", "--speculate", "draft", "x"]).failure(2);
    assert!(said.contains("--draft-model"), "{said}");
    let other = crate::support::repository("golden/models/tiny-qwen2.gguf");
    let said = home.tiny(&["run", "--draft-model", other.to_str().unwrap(), "x"]).failure(2);
    assert!(said.contains("vocabulary") && said.contains("tiny-qwen2"), "{said}");
    let two = ["serve", "--model", "tiny.gguf", "--model", "x.gguf", "--draft-model", "tiny.gguf"];
    let said = home.hefu(&two).failure(2);
    assert!(said.contains("--draft-model guesses for one --model"), "{said}");
}

#[test]
fn bench_measures_many_and_guesses() {
    let home = Home::new();
    let bench = |more: &[&str]| {
        let fixed = ["bench", "--prompt", "70", "--generate", "5", "--repetitions", "2", "--json"];
        home.tiny(&[&fixed, more].concat()).json()
    };
    let many = bench(&["--parallel", "9", "--prefill-chunk", "100"]);
    assert_eq!(many["parallel"], 9);
    let seconds = many["decode_seconds"].as_array().unwrap();
    assert_eq!(seconds.len(), 2);
    let mean = seconds.iter().map(|seconds| seconds.as_f64().unwrap()).sum::<f64>() / 2.0;
    let rate = many["generated_tokens_per_second"].as_f64().unwrap();
    assert!((rate * mean / 45.0 - 1.0).abs() < 1e-9, "{rate} tokens/s, {mean} s");
    assert!(many["prefill_tokens_per_second"].as_f64().unwrap() > 0.0);
    let guessed = bench(&["--speculate", "ngram"]);
    assert!(guessed["speculation"]["drafted_tokens"].is_u64() && guessed["parallel"] == 1);
    let many = bench(&["--speculate", "ngram", "--parallel", "3", "--generate", "30"]);
    assert!(many["speculation"]["drafted_tokens"].as_u64().unwrap() > 0 && many["parallel"] == 3);
    assert_eq!(bench(&[])["speculation"]["how"], "off");
}

#[test]
fn real_models_answer_the_same() {
    let home = Home::new();
    for (_, path) in real_models::models() {
        let model = path.to_str().unwrap();
        let ways: [&[&str]; 3] =
            [&[], &["--speculate", "ngram"], &["--speculate", "draft", "--draft-model", model, "--draft-tokens", "3"]];
        let prompt = "one two three four five, one two three four five, one two three";
        for temperature in ["0", "1"] {
            let asked = [
                "--raw",
                "--temperature",
                temperature,
                "--max-tokens",
                "20",
                "--context",
                "256",
                "--ignore-eos",
                prompt,
            ];
            let (_, accepted) = compare(&home, model, &asked, &ways);
            assert!(accepted > 0);
        }
    }
}
