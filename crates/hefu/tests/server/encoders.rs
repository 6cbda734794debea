//! Models that read and do not write.

use super::process::{Home, Server};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

const TEXTS: [&str; 3] = ["one two", "three", "a third text, which is longer than the others"];

fn golden(name: &str) -> String {
    format!("{}/../../golden/models/{name}.gguf", env!("CARGO_MANIFEST_DIR"))
}

fn serving(home: &Home, name: &str) -> Server {
    home.serve_only(&["--model", &golden(name), "--threads", "1"])
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The vectors that `/v1/embeddings` gives for an input.
fn vectors(server: &Server, fields: Value) -> Vec<Vec<f32>> {
    let reply = server.post("/v1/embeddings", &fields).success();
    reply["data"].as_array().unwrap().iter().map(|one| numbers(&one["embedding"])).collect()
}

#[test]
fn an_encoder_gives_the_same_vectors_in_every_way() {
    let home = Home::new();
    let server = serving(&home, "tiny-bert");
    let expected = vectors(&server, json!({"input": TEXTS}));
    assert!(expected.iter().all(|vector| vector.len() == 32) && expected[0] != expected[1]);
    for (text, vector) in TEXTS.iter().zip(&expected) {
        assert_eq!(vectors(&server, json!({"input": text})), std::slice::from_ref(vector), "alone");
        let tokens = server.post("/tokenize", &json!({"content": text, "add_special": true})).success();
        assert_eq!(vectors(&server, json!({"input": tokens["tokens"]})), std::slice::from_ref(vector), "as tokens");
        let old = server.post("/api/embeddings", &json!({"model": "tiny-bert", "prompt": text})).success();
        assert_eq!(&numbers(&old["embedding"]), vector, "by Ollama's older form");
    }
    let reply = server.post("/api/embed", &json!({"model": "tiny-bert", "input": TEXTS})).success();
    let found: Vec<Vec<f32>> = reply["embeddings"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(found, expected, "by Ollama's form");
    let reply = server.post("/v1/embeddings", &json!({"input": TEXTS, "encoding_format": "base64"})).success();
    let bytes = STANDARD.decode(reply["data"][1]["embedding"].as_str().unwrap()).unwrap();
    let found: Vec<f32> = bytes.chunks(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap())).collect();
    assert_eq!(found, expected[1], "as base64");
    let found = vectors(&server, json!({"input": TEXTS[2], "dimensions": 8}));
    let length: f32 = found[0].iter().map(|number| number * number).sum();
    assert!(found[0].len() == 8 && (length - 1.0).abs() < 1e-6);
    let output = home.command(&["embed", "--model", &golden("tiny-bert"), "--json"]).args(TEXTS).output().unwrap();
    let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found: Vec<Vec<f32>> = printed["vectors"].as_array().unwrap().iter().map(numbers).collect();
    assert_eq!(found, expected, "by the command");
}

#[test]
fn what_is_too_long_is_cut_or_refused() {
    let home = Home::new();
    let server = serving(&home, "tiny-bert");
    let long = "word ".repeat(200);
    let sentence = server.post("/v1/embeddings", &json!({"input": long})).refusal(400);
    assert!(sentence.contains("128"), "{sentence}");
    let cut = server.post("/api/embed", &json!({"model": "tiny-bert", "input": long})).success();
    assert_eq!(cut["prompt_eval_count"], 128);
    let reply = server.post("/api/embed", &json!({"model": "tiny-bert", "input": long, "truncate": false}));
    assert_eq!(reply.status, 400, "{}", reply.text());
}

#[test]
fn an_encoder_that_is_asked_to_write_says_what_it_does() {
    let home = Home::new();
    let server = serving(&home, "tiny-bert");
    let messages = json!([{"role": "user", "content": "one"}]);
    for (path, body) in [
        ("/v1/chat/completions", json!({"messages": messages})),
        ("/v1/completions", json!({"prompt": "one"})),
        ("/v1/responses", json!({"input": "one"})),
    ] {
        let sentence = server.post(path, &body).refusal(400);
        assert!(sentence.contains("tiny-bert") && sentence.contains("/v1/embeddings"), "{path}: {sentence}");
    }
    let reply = server.post("/api/chat", &json!({"model": "tiny-bert", "messages": messages}));
    assert!(reply.status == 400 && reply.text().contains("writes none"), "{}", reply.text());
    let shown = server.post("/api/show", &json!({"model": "tiny-bert"})).success();
    assert_eq!(shown["capabilities"], json!(["embedding"]));
    let output = home.command(&["run", "--model", &golden("tiny-bert"), "hello"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("hefu embed"), "{said}");
}

#[test]
fn a_classifier_ranks_pairs() {
    let home = Home::new();
    let server = serving(&home, "tiny-bert-rank");
    let asked = json!({"query": "one", "documents": TEXTS, "return_documents": true});
    let reply = server.post("/v1/rerank", &asked).success();
    let results = reply["results"].as_array().unwrap();
    let score = |result: &Value| result["relevance_score"].as_f64().unwrap();
    assert!(results.len() == 3 && results.windows(2).all(|pair| score(&pair[0]) >= score(&pair[1])));
    let raw = json!({"query": "one", "documents": TEXTS, "raw_scores": true});
    let raw = server.post("/rerank", &raw).success();
    for (one, raw) in results.iter().zip(raw["results"].as_array().unwrap()) {
        assert_eq!(one["index"], raw["index"]);
        assert!((score(one) - 1.0 / (1.0 + (-score(raw)).exp())).abs() < 1e-12);
        let text = TEXTS[one["index"].as_u64().unwrap() as usize];
        let alone = server.post("/v1/score", &json!({"text_1": "one", "text_2": text})).success();
        assert_eq!(alone["data"][0]["score"].as_f64().unwrap(), score(one));
    }
    assert_ne!(score(&results[0]), score(&results[2]));
    // Documents have two names; where there are none, the usual one is missing.
    server.post("/rerank", &json!({"query": "one", "texts": TEXTS, "documents": TEXTS})).success();
    let none = server.post("/rerank", &json!({"query": "one"})).refusal(400);
    assert!(none.contains("documents is missing"), "{none}");
    // It makes vectors too.
    assert_eq!(vectors(&server, json!({"input": "one"}))[0].len(), 32);
}
