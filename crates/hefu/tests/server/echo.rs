//! Prompts repeated with the log-probabilities of their tokens, as evaluations read them.

use crate::process::{Home, Server};
use serde_json::{Value, json};

/// The ids of a text, without any that are put around it.
fn ids(server: &Server, content: &str) -> Vec<Value> {
    let tokens = server.post("/tokenize", &json!({"content": content})).success()["tokens"].clone();
    tokens.as_array().unwrap().clone()
}

fn list<'a>(choice: &'a Value, name: &str) -> &'a Vec<Value> {
    choice["logprobs"][name].as_array().unwrap_or_else(|| panic!("no {name}: {choice}"))
}

/// The greatest of the alternatives in one place.
fn best(top: &Value) -> f64 {
    top.as_object().unwrap().values().map(|value| value.as_f64().unwrap()).fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn tokens_of_prompts_come_with_their_log_probabilities() {
    let home = Home::new();
    let server = home.serve(&[]);
    let (long, short) = (ids(&server, "one two three four"), ids(&server, "on"));
    let ask = |most: u32, choices: u32| {
        let body = json!({"prompt": [long, short], "max_tokens": most, "logprobs": 1, "echo": true, "temperature": 0,
            "seed": 1, "n": choices});
        server.post("/v1/completions", &body).success()
    };
    let (alone, continued) = (ask(0, 1), ask(1, 2));
    for (body, most, count) in [(&alone, 0, 1), (&continued, 1, 2)] {
        let choices = body["choices"].as_array().unwrap();
        assert_eq!(choices.len(), 2 * count);
        for (number, choice) in choices.iter().enumerate() {
            let (prompt, text) = if number < count { (&long, "one two three four") } else { (&short, "on") };
            let length = prompt.len() + most;
            for name in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
                assert_eq!(list(choice, name).len(), length, "{name}: {choice}");
            }
            assert!(list(choice, "token_logprobs")[0].is_null() && list(choice, "top_logprobs")[0].is_null());
            assert!(list(choice, "token_logprobs")[1..].iter().all(|value| value.as_f64().unwrap() <= 0.0));
            assert!(choice["text"].as_str().unwrap().starts_with(text), "{choice}");
            let offsets: Vec<u64> = list(choice, "text_offset").iter().map(|at| at.as_u64().unwrap()).collect();
            assert!(offsets[0] == 0 && offsets.is_sorted());
            if most > 0 {
                assert_eq!(offsets[prompt.len()], text.len() as u64);
                // A greedily chosen token is the best in its place, and says so.
                let (last, top) = (list(choice, "token_logprobs").last(), list(choice, "top_logprobs").last());
                assert_eq!(last.unwrap().as_f64().unwrap(), best(top.unwrap()));
            } else {
                assert_eq!((&choice["text"], &choice["finish_reason"]), (&json!(text), &json!("length")));
            }
            let same = &alone["choices"][number / count]["logprobs"]["token_logprobs"];
            assert_eq!(&list(choice, "token_logprobs")[..prompt.len()], same.as_array().unwrap().as_slice());
        }
    }
    assert_eq!(alone["usage"]["completion_tokens"], 0);
    assert_eq!(alone["usage"]["prompt_tokens"], long.len() + short.len());
    server.until_idle();
}

#[test]
fn a_prompt_is_scored_with_the_bits_of_an_answer() {
    let home = Home::new();
    let server = home.serve(&[]);
    let messages = json!([{"role": "user", "content": "Tell me of the sea"}]);
    let body = json!({"messages": messages, "max_tokens": 24, "temperature": 0, "logprobs": true, "top_logprobs": 2,
        "ignore_eos": true});
    let chat = server.post("/v1/chat/completions", &body).success();
    let told = chat["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let prompt = server.post("/tokenize", &json!({"messages": messages})).success()["tokens"].clone();
    let mut whole = prompt.as_array().unwrap().clone();
    let from = whole.len();
    whole.extend(told.iter().map(|token| token["id"].clone()));
    let body = json!({"prompt": whole, "max_tokens": 0, "logprobs": 2, "echo": true});
    let scored = server.post("/v1/completions", &body).success();
    let choice = &scored["choices"][0];
    assert_eq!(told.len(), 24);
    for (place, token) in told.iter().enumerate() {
        assert_eq!(list(choice, "token_logprobs")[from + place], token["logprob"]);
        // Each was the best, and the best alternative shows it.
        assert_eq!(best(&list(choice, "top_logprobs")[from + place]), token["logprob"].as_f64().unwrap());
        assert_eq!(token["top_logprobs"][0]["logprob"], token["logprob"]);
    }
    // Another token in the same place is not.
    let other = told[20]["top_logprobs"][1].clone();
    whole[from + 20] = other["id"].clone();
    let body = json!({"prompt": whole, "max_tokens": 0, "logprobs": 1, "echo": true});
    let scored = server.post("/v1/completions", &body).success();
    let choice = &scored["choices"][0];
    assert_eq!(list(choice, "token_logprobs")[from + 20], other["logprob"]);
    assert!(best(&list(choice, "top_logprobs")[from + 20]) > other["logprob"].as_f64().unwrap());
}

#[test]
fn the_token_that_ends_an_answer_has_its_place() {
    let home = Home::new();
    let server = home.serve(&[]);
    let prompt = ids(&server, "one two");
    let free = json!({"prompt": prompt, "max_tokens": 1, "logprobs": 1, "echo": true, "temperature": 0});
    let first = server.post("/v1/completions", &free).success();
    let chosen = list(&first["choices"][0], "tokens").last().unwrap().clone();
    let id = ids(&server, chosen.as_str().unwrap());
    // Held to the token that ends the model's answers.
    let end = server.get("/tokenizer_info").success()["eos_token"].clone();
    let end_id = ids(&server, end.as_str().unwrap());
    assert_eq!((id.len(), end_id.len()), (1, 1));
    let mut held = free.clone();
    held["logit_bias"] = json!({end_id[0].to_string(): 100});
    let ended = server.post("/v1/completions", &held).success();
    let choice = &ended["choices"][0];
    assert_eq!((&choice["finish_reason"], &choice["text"]), (&json!("stop"), &json!("one two")));
    assert_eq!(list(choice, "tokens").len(), prompt.len() + 1);
    assert_eq!(list(choice, "tokens").last(), Some(&end));
}

#[test]
fn texts_are_repeated_too_whole_and_streamed() {
    let home = Home::new();
    let server = home.serve(&[]);
    let ask = |fields: Value| {
        let mut body = json!({"prompt": "Größe: 一二", "max_tokens": 5, "echo": true, "seed": 4, "ignore_eos": true});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        server.post("/v1/completions", &body)
    };
    let plain = ask(json!({"echo": false})).success()["choices"][0]["text"].clone();
    let whole = ask(json!({})).success()["choices"][0].clone();
    assert_eq!(whole["text"], format!("Größe: 一二{}", plain.as_str().unwrap()));
    assert!(whole["logprobs"].is_null());
    let scored = ask(json!({"logprobs": 3})).success()["choices"][0].clone();
    assert_eq!(scored["text"], whole["text"]);
    let events = ask(json!({"logprobs": 3, "stream": true})).events();
    let told = |name: &str| -> Vec<Value> {
        let parts = events.iter().filter_map(|event| event["choices"][0]["logprobs"][name].as_array());
        parts.flatten().cloned().collect()
    };
    let texts = events.iter().filter_map(|event| event["choices"][0]["text"].as_str());
    assert_eq!(json!(texts.collect::<String>()), scored["text"]);
    for name in ["tokens", "token_logprobs", "top_logprobs", "text_offset"] {
        assert_eq!(&told(name), list(&scored, name), "{name}");
    }
    let streamed = ask(json!({"logprobs": 1, "max_tokens": 0, "stream": true})).events();
    assert_eq!(streamed.last().unwrap()["choices"][0]["finish_reason"], "length");
    assert_eq!(streamed[0]["choices"][0]["text"], "Größe: 一二");
}

#[test]
fn what_cannot_be_repeated_is_refused_by_name() {
    let home = Home::new();
    let server = home.serve(&[]);
    for (fields, word) in [
        (json!({"prompt": [1 << 30], "logprobs": 1}), "vocabulary"),
        (json!({"prompt": "a", "suffix": "b"}), "suffix"),
        (json!({"prompt": "a".repeat(200), "logprobs": 1000, "n": 64}), "log-probabilities"),
        (json!({"prompt": "a", "logprobs": 1001}), "logprobs"),
    ] {
        let mut body = json!({"echo": true, "max_tokens": 1});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        let sentence = server.post("/v1/completions", &body).refusal(400);
        assert!(sentence.contains(word), "{sentence}");
    }
    // Without a prompt to score, an answer has at least one token.
    let body = json!({"prompt": "a", "max_tokens": 0});
    assert!(server.post("/v1/completions", &body).refusal(400).contains("max_tokens"));
}
