//! Every endpoint that the server describes answers, whole and as a stream.

use crate::client::events;
use crate::process::{Home, Server};
use serde_json::{Value, json};

/// A body for each path that is posted to, and one that is asked by its own name.
fn bodies() -> Vec<(&'static str, Value)> {
    let messages = json!([{"role": "user", "content": "one"}]);
    vec![
        ("/tokenize", json!({"content": "one"})),
        ("/detokenize", json!({"tokens": [111, 110]})),
        ("/v1/chat/completions", json!({"messages": messages, "max_tokens": 8})),
        ("/v1/completions", json!({"prompt": "one", "max_tokens": 8})),
        ("/completion", json!({"prompt": "one", "n_predict": 8})),
        ("/api/pull", json!({"model": "tiny"})),
        ("/v1/responses", json!({"input": "one", "max_output_tokens": 16})),
        ("/v1/embeddings", json!({"input": "one"})),
        ("/rerank", json!({"query": "one", "documents": ["two", {"text": "three"}]})),
        ("/v1/rerank", json!({"query": "one", "documents": ["two", "three"], "top_n": 1, "return_documents": true})),
        ("/v2/rerank", json!({"query": {"text": "one"}, "texts": ["two"]})),
        ("/v1/score", json!({"text_1": "one", "text_2": ["two", "three"]})),
        ("/get_ppl", json!({"input": "one two"})),
        ("/v1/encode", json!({"input": "one"})),
        ("/v1/messages", json!({"model": "tiny", "messages": messages, "max_tokens": 8})),
        ("/v1/messages/count_tokens", json!({"model": "tiny", "messages": messages})),
        ("/v1/weights", json!({"weight": 1, "row": 0})),
        ("/v1/cost", json!({"model": "tiny"})),
        ("/v1/trace", json!({"prompt": "one", "max_tokens": 4})),
        ("/api/chat", json!({"model": "tiny", "messages": messages, "options": {"num_predict": 8}})),
        ("/api/generate", json!({"model": "tiny", "prompt": "one", "options": {"num_predict": 8}})),
        ("/api/embed", json!({"model": "tiny", "input": "one"})),
        ("/api/embeddings", json!({"model": "tiny", "prompt": "one"})),
        ("/api/show", json!({"model": "tiny"})),
    ]
}

/// Endpoints that fill a gap.
const GAPS: [(&str, &str); 2] = [
    ("/infill", r#"{"input_prefix": "a", "input_suffix": "b", "n_predict": 4}"#),
    ("/v1/fim/completions", r#"{"prompt": "a", "suffix": "b", "max_tokens": 4}"#),
];

#[test]
fn every_endpoint_answers_whole_and_streamed() {
    let (home, bodies) = (Home::new(), bodies());
    let server = home.serve(&["--trace"]);
    let document = server.get("/openapi.json").success();
    let answer = server.complete(&json!({})).success();
    let receipt = answer["id"].as_str().unwrap().trim_start_matches("cmpl-").to_owned();
    let response = server.post("/v1/responses", &json!({"input": "one", "max_output_tokens": 16})).success();
    let response = response["id"].as_str().unwrap();
    let (mut gets, mut posts, mut streams) = (0, 0, 0);
    for (path, methods) in document["paths"].as_object().unwrap() {
        // What operators alone may ask has tests of its own.
        if methods.pointer("/post/security") == Some(&json!([{"key": []}])) {
            assert_eq!(server.post(path, &json!({})).status, 401, "{path}");
            continue;
        }
        let id = if path.starts_with("/v1/responses") { response } else { &receipt };
        let path = path.replace("{name}", "tiny").replace("{id}", id);
        if methods.get("get").is_some() {
            let reply = server.get(&path);
            assert_eq!(reply.status, 200, "{path}: {}", reply.text());
            gets += 1;
        }
        let Some(post) = methods.get("post") else { continue };
        if let Some((_, body)) = GAPS.iter().find(|(known, _)| *known == path) {
            // This model has no tokens for it.
            assert!(server.post(&path, &serde_json::from_str(body).unwrap()).refusal(400).contains("gap"));
            continue;
        }
        let body = bodies.iter().find(|(known, _)| *known == path);
        let mut body = body.unwrap_or_else(|| panic!("this test has no body for {path}")).1.clone();
        let schema = &post["requestBody"]["content"]["application/json"]["schema"];
        let can_stream = schema.pointer("/properties/stream").is_some();
        if can_stream {
            body["stream"] = json!(false);
        }
        server.post(&path, &body).success();
        posts += 1;
        if can_stream {
            body["stream"] = json!(true);
            streamed(&server, &path, &body);
            streams += 1;
        }
    }
    assert!(gets >= 10 && posts == bodies.len() && streams >= 6, "{gets} {posts} {streams}");
    server.until_idle();
}

/// A value of the type that a description gives.
fn example(property: &Value) -> Value {
    let kinds = &property["type"];
    let first = |list: &Vec<Value>| list.first().cloned().unwrap_or(Value::Null);
    let kind = kinds.as_array().map_or_else(|| kinds.clone(), first);
    match (kind.as_str(), property["enum"].as_array()) {
        (_, Some(values)) => first(values),
        (Some("number"), _) => json!(0.5),
        (Some("integer"), _) => json!(1),
        (Some("boolean"), _) => json!(false),
        (Some("string"), _) => json!("tiny"),
        (Some("array"), _) => json!([]),
        (Some("object"), _) => json!({}),
        _ => Value::Null,
    }
}

#[test]
fn no_parameter_is_described_that_is_refused_as_unknown() {
    let (home, bodies) = (Home::new(), bodies());
    let server = home.serve(&[]);
    let document = server.get("/openapi.json").success();
    let gaps = GAPS.map(|(path, body)| (path, serde_json::from_str::<Value>(body).unwrap()));
    let mut tried = 0;
    for (path, body) in bodies.iter().chain(&gaps) {
        let schema = &document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let properties = schema.get("properties").or_else(|| schema.pointer("/anyOf/0/properties"));
        for (name, property) in properties.and_then(Value::as_object).unwrap() {
            let mut body = body.clone();
            // Two names for one thing, of which the body has one.
            if body.get(name).is_none() && !["documents", "texts"].contains(&name.as_str()) {
                body[name] = example(property);
                let reply = server.post(path, &body);
                assert!(reply.status < 500, "{path} {name}: {}", reply.text());
                assert!(!reply.text().contains("is not supported by this server"), "{path} {name}: {}", reply.text());
                tried += 1;
            }
        }
    }
    assert!(tried > 300, "{tried}");
}

#[test]
fn a_request_for_more_than_the_queue_ever_holds_is_not_told_to_come_again() {
    let home = Home::new();
    let server = home.serve(&["--max-queue", "4"]);
    let ask = |count: usize| server.post("/v1/embeddings", &json!({"input": vec!["one"; count]}));
    let sentence = ask(5).refusal(400);
    assert!(sentence.contains("5 places") && sentence.contains("--max-queue"), "{sentence}");
    ask(4).success();
}

fn streamed(server: &Server, path: &str, body: &Value) {
    let reply = server.post(path, body);
    assert_eq!(reply.status, 200, "{path}: {}", reply.text());
    let kind = reply.header("content-type").unwrap();
    let objects: Vec<Value> = if path.starts_with("/api/") {
        assert_eq!(kind, "application/x-ndjson");
        reply.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    } else {
        assert_eq!(kind, "text/event-stream");
        events(reply.text())
    };
    assert!(objects.len() > 1, "{path}: {}", reply.text());
    assert!(objects.iter().all(|object| object.get("error").is_none_or(Value::is_null)), "{path}: {}", reply.text());
}

#[test]
fn times_say_what_was_waited_for_and_what_was_computed() {
    let home = Home::new();
    let server = home.serve(&["--max-running", "1"]);
    // 2,001 tokens take several steps: their time is the prompt's, not the queue's. A busy machine may hold one of these
    // requests up before its first step, but not all of them.
    let is_apart = |letter: char| {
        let answer = server.complete(&json!({"prompt": letter.to_string().repeat(2000)})).success();
        let timings = &answer["timings"];
        assert_eq!((timings["prompt_n"].as_u64(), timings["cache_n"].as_u64()), (Some(2001), Some(0)));
        let of = |name: &str| timings[name].as_f64().unwrap();
        assert!(of("prompt_ms") > 0.0 && of("predicted_ms") > 0.0, "{timings}");
        of("queue_ms") < of("prompt_ms") + of("predicted_ms")
    };
    assert!(('e'..='z').any(is_apart), "prompts count as waiting");
    // A short prompt is computed in one step, which is not waiting either.
    let short = server.complete(&json!({"prompt": "b", "max_tokens": 1})).success();
    assert!(short["timings"]["prompt_ms"].as_f64().unwrap() > 0.0, "{short}");
    // One that waits for the only place has waited at least until the other one's end.
    let mut long = server.stream(&json!({"prompt": "c", "max_tokens": 3000}));
    long.until_text();
    let waited = server.complete(&json!({"prompt": "d", "max_tokens": 1})).success();
    let waited = waited["timings"]["queue_ms"].as_f64().unwrap() / 1000.0;
    long.rest().unwrap();
    for name in ["time_to_first_token", "queue", "prefill", "request"] {
        assert_eq!(server.metric(&format!("hefu_{name}_seconds_count{{model=\"tiny\"}}")), 4.0, "{name}");
    }
    let sum = |name: &str| server.metric(&format!("hefu_{name}_seconds_sum{{model=\"tiny\"}}"));
    let (queue, prefill, first_token) = (sum("queue"), sum("prefill"), sum("time_to_first_token"));
    assert!(queue >= waited && waited > 0.0 && prefill > 0.0, "{queue} {waited} {prefill}");
    assert!((queue + prefill - first_token).abs() < 1e-6, "{queue} + {prefill} = {first_token}");
}
