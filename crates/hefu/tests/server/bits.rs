//! The promise of the server: the same request gives the same bits alone, among others, streamed or whole, after a restart, with
//! prefixes used again or not, and as `hefu run` gives it.

use crate::client::{Reply, events};
use crate::process::{Home, Server};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Number of questions at the same time.
const CROWD: u64 = 32;

/// One request in all its forms.
struct Asked {
    prompt: String,
    seed: u64,
    tokens: usize,
    choices: usize,
}

/// Text of each choice, and every token with its log-probability and those of others: none of it may change.
type Bits = Vec<(String, Vec<Value>)>;

impl Asked {
    /// The requests of a test; beginnings are shared by some of them.
    fn all(tokens: usize) -> Vec<Self> {
        let beginnings = ["The first prime numbers are 2, 3, 5, 7, 11, 13 and ", "fn fibonacci(n: u64) -> u64 {\n    "];
        let prompt = |seed: u64| match seed % 4 {
            0 | 1 => format!("{}{}", beginnings[(seed % 2) as usize].repeat(4), seed / 4),
            2 => format!("{seed} is a number"),
            _ => "the same for all of these, some of which differ in nothing else".to_owned(),
        };
        let of = |seed| Self { prompt: prompt(seed), seed, tokens, choices: if seed % 8 == 5 { 3 } else { 1 } };
        (0..CROWD).map(of).collect()
    }

    fn body(&self, is_streaming: bool) -> Value {
        json!({"messages": [{"role": "user", "content": self.prompt}], "seed": self.seed, "max_tokens": self.tokens,
            "temperature": 0.9, "top_p": 0.95, "logprobs": true, "top_logprobs": 3, "n": self.choices,
            "stream": is_streaming})
    }

    fn bits(&self, server: &Server, is_streaming: bool) -> Bits {
        let reply = server.post("/v1/chat/completions", &self.body(is_streaming));
        let mut bits = vec![(String::new(), Vec::new()); self.choices];
        let mut add = |choice: &Value, message: &str| {
            let (text, tokens) = &mut bits[choice["index"].as_u64().unwrap() as usize];
            text.push_str(choice[message]["content"].as_str().unwrap_or_default());
            tokens.extend(choice["logprobs"]["content"].as_array().into_iter().flatten().cloned());
        };
        if is_streaming {
            for event in reply.events() {
                event["choices"].as_array().unwrap().iter().for_each(|choice| add(choice, "delta"));
            }
        } else {
            whole(&reply).iter().for_each(|choice| add(choice, "message"));
        }
        assert!(bits.iter().all(|(_, tokens)| !tokens.is_empty()), "{}", reply.text());
        bits
    }
}

fn whole(reply: &Reply) -> Vec<Value> {
    reply.success()["choices"].as_array().unwrap().clone()
}

/// Asks all at random moments, half of them streamed.
fn crowd(server: &Server, asked: &[Asked]) -> Vec<Bits> {
    std::thread::scope(|scope| {
        let ask = |(index, one): (usize, &'_ Asked)| {
            // A fixed permutation of the arrivals, some of them at the same moment.
            let moment = ((index as u64 * 2_654_435_761) >> 3) % 40;
            std::thread::sleep(Duration::from_millis(5 * moment));
            one.bits(server, index % 2 == 0)
        };
        let threads: Vec<_> = asked.iter().enumerate().map(|one| scope.spawn(move || ask(one))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Answer of `hefu run`: the text, and every token with its log-probability.
fn run(home: &Home, model: &Path, asked: &Asked) -> Value {
    let (seed, tokens) = (asked.seed.to_string(), asked.tokens.to_string());
    let mut arguments = vec!["run", "--json", "--logprobs", "3", "--temperature", "0.9", "--top-p", "0.95"];
    arguments.extend(["--seed", &seed, "--max-tokens", &tokens, "--context", "2048", "--model"]);
    arguments.extend([model.to_str().unwrap(), &asked.prompt]);
    let output = home.command(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn ids(tokens: &[Value]) -> Vec<&Value> {
    tokens.iter().map(|token| &token["id"]).collect()
}

/// All ways of asking on one model; `some` is how many are also asked one by one and by `hefu run`.
fn every_way(home: &Home, model: &Path, tokens: usize, some: usize) {
    let asked = Asked::all(tokens);
    let path = model.to_str().unwrap();
    let serve = |more: &[&str]| home.serve_only(&[&["--model", path, "--context", "2048"], more].concat());
    let mut server = serve(&[]);
    let alone: Vec<Bits> = asked.iter().take(some).map(|one| one.bits(&server, false)).collect();
    for (one, expected) in asked.iter().zip(&alone) {
        assert_eq!(&one.bits(&server, true), expected, "streamed: {:?}", one.prompt);
    }
    let among_others = crowd(&server, &asked);
    assert_eq!(among_others[..some], alone, "among others");
    let slot = server.slot();
    assert!(slot["prompt_tokens"]["reused"].as_u64().unwrap() > 0, "nothing was used again: {slot}");
    server.until_idle();
    // Killed without warning; the port is free for the next one at once.
    let port = server.port.to_string();
    server.child.kill().unwrap();
    server.ended();
    // Few places and hardly any memory, so that answers are interrupted and computed again.
    let narrow = ["--port", &port, "--no-prefix-reuse", "--max-running", "5", "--cache-tokens", "2048"];
    let server = serve(&[&narrow[..], &["--prefill-chunk", "48"]].concat());
    assert_eq!(crowd(&server, &asked), among_others, "after a restart, without reuse, with little room");
    assert_eq!(server.slot()["prompt_tokens"]["reused"], 0);
    let fingerprint =
        server.post("/v1/chat/completions", &asked[0].body(false)).success()["system_fingerprint"].clone();
    drop(server);
    for (one, bits) in asked.iter().zip(&among_others).filter(|(one, _)| one.choices == 1).take(some) {
        let answer = run(home, model, one);
        assert_eq!((&answer["text"], &answer["fingerprint"]), (&json!(bits[0].0), &fingerprint));
        let chosen = answer["token_ids"].as_array().unwrap();
        // The server tells nothing of the token that ends an answer.
        let told = ids(&bits[0].1);
        assert!(chosen.len() - told.len() <= 1 && chosen.iter().zip(&told).all(|(a, b)| a == *b), "{answer}");
        let same = |(a, b): (&Value, &Value)| a["logprob"] == b["logprob"];
        let logprobs = answer["logprobs"].as_array().unwrap();
        assert!(
            !told.is_empty() && logprobs.iter().zip(&bits[0].1).all(same),
            "{} {:?}",
            answer["logprobs"],
            bits[0].1
        );
    }
}

#[test]
fn the_tiny_model_gives_the_same_bits_in_every_way() {
    let home = Home::new();
    every_way(&home, &home.model(), 48, CROWD as usize);
}

#[test]
fn the_models_own_block_guesses_and_changes_nothing() {
    let home = Home::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/models/tiny-qwen35-mtp.gguf");
    let asked = Asked::all(24);
    let serve = |more: &[&str]| {
        let fixed = ["--model", model.to_str().unwrap(), "--context", "512", "--max-running", "4"];
        home.serve_only(&[&fixed, more].concat())
    };
    let expected = crowd(&serve(&["--speculate", "off"]), &asked);
    let server = serve(&["--speculate", "mtp", "--draft-tokens", "2"]);
    assert_eq!(crowd(&server, &asked), expected);
    let guesses = &server.slot()["guesses"];
    assert!(
        guesses["right"].as_u64() > Some(100) && guesses["right"].as_u64() < guesses["computed"].as_u64(),
        "{guesses}"
    );
    assert_eq!(crowd(&serve(&[]), &asked), expected, "as many guesses as pay");
}

#[test]
fn a_real_model_gives_the_same_bits_in_every_way() {
    let name = "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf";
    let model = std::env::var_os("HEFU_MODELS").map(|folder| PathBuf::from(folder).join(name));
    let Some(model) = model.filter(|model| model.is_file()) else {
        return eprintln!("SKIPPED: {name} is not in HEFU_MODELS");
    };
    every_way(&Home::new(), &model, 12, 4);
}

#[test]
fn a_stream_is_the_whole_answer_in_pieces() {
    let home = Home::new();
    let server = home.serve(&[]);
    let body = json!({"max_tokens": 200, "n": 2, "stream_options": {"include_usage": true}, "stream": true});
    let streamed = server.complete(&body);
    let events = events(streamed.text());
    let whole = server.complete(&json!({"max_tokens": 200, "n": 2})).success();
    for (index, choice) in whole["choices"].as_array().unwrap().iter().enumerate() {
        let of_choice = |event: &&Value| event["choices"][0]["index"].as_u64() == Some(index as u64);
        let pieces: Vec<&str> =
            events.iter().filter(of_choice).filter_map(|event| event["choices"][0]["text"].as_str()).collect();
        assert!(pieces.len() > 10, "{pieces:?}");
        assert_eq!(json!(pieces.concat()), choice["text"]);
        let reasons: Vec<&Value> =
            events.iter().filter(of_choice).map(|event| &event["choices"][0]["finish_reason"]).collect();
        assert_eq!(
            (reasons.iter().filter(|reason| !reason.is_null()).count(), *reasons.last().unwrap()),
            (1, &choice["finish_reason"])
        );
    }
    let usage = &events.last().unwrap()["usage"];
    assert_eq!((&usage["completion_tokens"], &usage["prompt_tokens"]), (&json!(400), &whole["usage"]["prompt_tokens"]));
    assert!(streamed.text().ends_with("data: [DONE]\n\n"));
}
