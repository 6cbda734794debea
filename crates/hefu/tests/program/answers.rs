//! `run`, `tokenize`, `perplexity` and `bench` on the tiny model.

use crate::support::Home;
use crate::tiny;
use serde_json::Value;

fn ask(home: &Home, more: &[&str]) -> Value {
    home.tiny(&[&["run", "--json", "--seed", "1", "--max-tokens", "12", "--logits-hash", "A question"], more].concat())
        .json()
}

#[test]
fn an_answer_has_every_key_and_the_figures_agree() {
    let home = Home::new();
    let answer = ask(&home, &["--logprobs", "2"]);
    let ids = answer["token_ids"].as_array().unwrap();
    let usage = &answer["usage"];
    assert_eq!(usage["completion_tokens"], ids.len());
    // The template's 3 special tokens and its text, one token per byte.
    assert_eq!(usage["prompt_tokens"], 3 + "user: A questionassistant: ".len());
    let total = usage["prompt_tokens"].as_u64().unwrap() + usage["completion_tokens"].as_u64().unwrap();
    assert_eq!(usage["total_tokens"], total);
    assert!(["stop", "length"].contains(&answer["finish_reason"].as_str().unwrap()));
    assert_eq!(answer["seed"], 1);
    assert!(answer["fingerprint"].as_str().unwrap().starts_with("hefu1-"));
    assert!(answer["timings"]["prefill_tokens_per_second"].as_f64().unwrap() > 0.0);
    assert!(answer["text"].is_string());
    let logprobs = answer["logprobs"].as_array().unwrap();
    assert_eq!(logprobs.len(), ids.len());
    for (entry, id) in logprobs.iter().zip(ids) {
        assert_eq!(&entry["id"], id);
        assert!(entry["logprob"].as_f64().unwrap() <= 0.0 && entry["top"].as_array().unwrap().len() == 2);
    }
}

#[test]
fn no_setting_of_the_computation_changes_a_bit() {
    let home = Home::new();
    for cache in ["f16", "q8"] {
        let ask = |more: &[&str]| ask(&home, &[&["--cache", cache], more].concat());
        let expected = ask(&["--isa", "reference", "--threads", "1"]);
        let same = |more: &[&str]| {
            let answer = ask(more);
            for key in ["text", "token_ids", "finish_reason", "seed", "fingerprint", "logits_hash"] {
                assert_eq!(answer[key], expected[key], "{key} with {more:?} and --cache {cache}");
            }
        };
        same(&["--threads", "1"]);
        same(&["--threads", "2", "--prefill-chunk", "1"]);
        same(&["--threads", "3", "--prefill-chunk", "7"]);
        same(&["--isa", "reference", "--prefill-chunk", "5", "--context", "200"]);
        for isa in hefu_cpu::select::ISAS.iter().filter(|isa| (isa.is_available)()) {
            same(&["--isa", isa.name, "--threads", "2"]);
        }
        assert_ne!(ask(&["--seed", "2"])["token_ids"], expected["token_ids"]);
    }
}

#[test]
fn the_profile_of_the_cache_is_in_the_fingerprint() {
    let home = Home::new();
    let (plain, f16, q8) = (ask(&home, &[]), ask(&home, &["--cache", "f16"]), ask(&home, &["--cache", "q8"]));
    assert_eq!((&plain["fingerprint"], &plain["logits_hash"]), (&f16["fingerprint"], &f16["logits_hash"]));
    assert_ne!(plain["fingerprint"], q8["fingerprint"]);
    assert_ne!(plain["logits_hash"], q8["logits_hash"]);
    assert_eq!(home.hefu(&["run", "--cache", "q4", "A question"]).status, 2);
}

#[test]
fn the_plain_answer_is_the_text_and_nothing_else() {
    let home = Home::new();
    let text = ask(&home, &[])["text"].as_str().unwrap().to_owned();
    let plain = home.tiny(&["run", "--seed", "1", "--max-tokens", "12", "--stats", "A question"]);
    assert!(plain.stderr.contains("seed 1"), "{}", plain.stderr);
    assert_eq!(plain.success(), text);
}

#[test]
fn a_stop_string_ends_the_answer_before_it() {
    let home = Home::new();
    let whole = ask(&home, &["--ignore-eos"]);
    let text = whole["text"].as_str().unwrap();
    let stop: String = text.chars().skip(3).take(2).collect();
    let answer = ask(&home, &["--ignore-eos", "--stop", &stop]);
    assert_eq!(answer["text"].as_str().unwrap(), text.split(&stop).next().unwrap());
    assert_eq!(answer["finish_reason"], "stop");
}

#[test]
fn standard_input_is_appended() {
    let home = Home::new();
    let ask = |arguments: &[&str], input: &str| {
        let model = ["--model", "tiny.gguf", "--json", "--seed", "1", "-n", "4"];
        home.hefu_with(&[&["run"], arguments, &model].concat(), input).json()["token_ids"].clone()
    };
    assert_eq!(ask(&["a\n\nb"], ""), ask(&["a"], "b"));
    assert_eq!(ask(&["a"], ""), ask(&[], "a"));
    assert_eq!(ask(&["--raw", "ab"], ""), ask(&["--raw", "a"], "b"));
}

#[test]
fn a_prompt_that_does_not_fit_is_refused_with_the_numbers() {
    let home = Home::new();
    let said = home.tiny(&["run", "--raw", "--context", "20", &"x".repeat(40)]).failure(1);
    assert!(said.contains("41") && said.contains("20") && said.contains("--context"), "{said}");
    let said = home.tiny(&["run", "--context", "300", "x"]).failure(2);
    assert!(said.contains("300") && said.contains("256"), "{said}");
    // A prompt that fits goes on to the end of the context and says so.
    let full = home.tiny(&["run", "--raw", "--ignore-eos", "--json", "--context", "20", "xxxx"]).json();
    assert_eq!((&full["finish_reason"], &full["usage"]["total_tokens"]), (&"length".into(), &20.into()));
}

#[test]
fn settings_that_need_the_model_are_checked_against_it() {
    let home = Home::new();
    let said = home.tiny(&["run", "--ban", "259", "x"]).failure(2);
    assert!(said.contains("259"), "{said}");
    let biased = ask(&home, &["--temperature", "0", "--logit-bias", "65=100", "--max-tokens", "3"]);
    assert_eq!(biased["text"], "AAA");
}

#[test]
fn a_base_model_needs_raw() {
    let home = Home::new();
    std::fs::write(home.path("base.gguf"), tiny::model(false)).unwrap();
    let said = home.hefu(&["run", "--model", "base.gguf", "x"]).failure(1);
    assert!(said.contains("--raw") && said.contains("--template"), "{said}");
    home.hefu(&["run", "--model", "base.gguf", "--raw", "-n", "2", "x"]).success();
    std::fs::write(home.path("own.jinja"), "{{ messages[0].content }}").unwrap();
    home.hefu(&["run", "--model", "base.gguf", "--template", "own.jinja", "-n", "2", "x"]).success();
}

#[test]
fn text_becomes_tokens() {
    let home = Home::new();
    assert_eq!(home.tiny(&["tokenize", "--ids", "AB\n"]).success(), "65 66 10\n");
    assert_eq!(home.tiny(&["tokenize", "--ids", "--bos", "--special", "A<|im_end|>"]).success(), "256 65 258\n");
    assert_eq!(home.tiny(&["tokenize", "A\n"]).success(), "     65  \"A\"\n     10  \"\\n\"\n");
    let json = home.hefu_with(&["tokenize", "--json", "--model", "tiny.gguf"], "é").json();
    assert_eq!(json["token_ids"], serde_json::json!([0xC3, 0xA9]));
    assert_eq!(json["pieces"][0]["bytes"], serde_json::json!([0xC3]));
}

#[test]
fn perplexity_is_the_same_however_it_is_computed() {
    let home = Home::new();
    std::fs::write(home.path("text.txt"), "It is the text that is read. ".repeat(8)).unwrap();
    let score = |more: &[&str]| {
        let fixed = ["perplexity", "--file", "text.txt", "--context", "64", "--json"];
        home.tiny(&[&fixed, more].concat()).json()
    };
    let first = score(&[]);
    assert_eq!((&first["chunks"], &first["tokens"], &first["scored_tokens"]), (&3.into(), &233.into(), &93.into()));
    let perplexity = first["perplexity"].as_f64().unwrap();
    assert!((50.0..5000.0).contains(&perplexity), "{perplexity}");
    let other = score(&["--isa", "reference", "--threads", "1", "--prefill-chunk", "9"]);
    assert_eq!(other["perplexity"], first["perplexity"]);
    assert_eq!(score(&["--chunks", "2"])["scored_tokens"], 62);
    let said = home.tiny(&["perplexity", "--file", "text.txt", "--context", "128"]).failure(1);
    assert!(said.contains("233") && said.contains("256"), "{said}");
}

#[test]
fn bench_reports_both_figures() {
    let home = Home::new();
    let report = home.tiny(&["bench", "--prompt", "16", "--generate", "4", "--repetitions", "2", "--json"]).json();
    for key in ["prefill_tokens_per_second", "decode_tokens_per_second"] {
        assert!(report[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert_eq!(report["decode_seconds"].as_array().unwrap().len(), 2);
}
