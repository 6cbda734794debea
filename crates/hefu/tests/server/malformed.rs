//! Bodies and heads that are wrong: each is refused with a sentence, and nothing of them hangs or breaks the server.

use crate::client::{begin, connect, exchange, request};
use crate::process::Home;
use serde_json::{Value, json};
use std::io::Write;

/// A linear congruential generator (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

fn bodies() -> Vec<(&'static str, Value)> {
    let messages =
        json!([{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "x"}]}]);
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]});
    let tool = json!({"type": "function", "function": {"name": "f", "parameters": schema}});
    vec![
        (
            "/v1/chat/completions",
            json!({"messages": messages, "max_tokens": 2, "tools": [tool], "n": 2, "seed": 3,
            "logit_bias": {"5": 1.5}, "stop": ["x"], "logprobs": true, "top_logprobs": 2, "temperature": 0.5}),
        ),
        (
            "/v1/chat/completions",
            json!({"messages": messages, "max_tokens": 2, "response_format":
            {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}}),
        ),
        ("/v1/completions", json!({"prompt": [[1, 2], [3]], "max_tokens": 2, "echo": false, "top_k": 3})),
        ("/v1/responses", json!({"input": [{"role": "user", "content": "x"}], "max_output_tokens": 16})),
        ("/v1/messages", json!({"model": "tiny", "messages": [messages[1]], "max_tokens": 2})),
        ("/v1/embeddings", json!({"input": ["a", "b"], "encoding_format": "float"})),
        ("/v1/rerank", json!({"query": "a", "documents": ["b", {"text": "c"}], "top_n": 1})),
        ("/v1/score", json!({"text_1": ["a"], "text_2": ["b", "c"]})),
        (
            "/api/chat",
            json!({"messages": [{"role": "user", "content": "x"}], "stream": false, "options": {"num_predict": 2, "top_p": 0.5}}),
        ),
        ("/api/generate", json!({"prompt": "x", "stream": false, "options": {"num_predict": 2}})),
        ("/tokenize", json!({"content": "x", "add_special": true})),
        ("/detokenize", json!({"tokens": [1, 2, 3]})),
    ]
}

/// Replaces, removes or doubles something somewhere.
fn mutate(value: &mut Value, random: &mut Random) {
    let strange = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(0.5),
        json!(u64::MAX),
        json!(""),
        json!("\u{0}\u{FFFF}"),
        json!([]),
        json!({}),
        json!(true),
        json!([[[[]]]]),
        json!({"$ref": "#"}),
        json!("a".repeat(5000)),
        json!({"type": "x"}),
    ];
    let depth = random.below(5);
    let mut place = value;
    for _ in 0..depth {
        let has_inside = match place {
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => !fields.is_empty(),
            _ => false,
        };
        if !has_inside {
            break;
        }
        place = match place {
            Value::Array(items) => {
                let at = random.below(items.len());
                &mut items[at]
            }
            Value::Object(fields) => {
                let at = random.below(fields.len());
                fields.iter_mut().nth(at).unwrap().1
            }
            other => other,
        };
    }
    match (random.below(4), place) {
        (0, Value::Object(fields)) if !fields.is_empty() => {
            let name = fields.keys().nth(random.below(fields.len())).unwrap().clone();
            fields.shift_remove(&name);
        }
        (1, Value::Object(fields)) => {
            fields.insert(
                ["tools", "stop", "n", "whatever", "stream_options"][random.below(5)].to_owned(),
                strange[random.below(14)].clone(),
            );
        }
        (2, Value::Array(items)) if !items.is_empty() => items.push(items[0].clone()),
        (_, place) => *place = strange[random.below(strange.len())].clone(),
    }
}

/// The same as text, broken in one place.
fn broken(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = random.below(bytes.len());
    match random.below(4) {
        0 => bytes.truncate(at),
        1 => bytes[at] = random.below(256) as u8,
        2 => bytes.insert(at, random.below(256) as u8),
        _ => bytes.splice(at..at, "[".repeat(3000).into_bytes()).for_each(drop),
    }
    bytes
}

#[test]
fn hundreds_of_wrong_bodies_are_refused_with_a_sentence_or_answered() {
    let (home, bodies, mut random) = (Home::new(), bodies(), Random(4711));
    let server = home.serve(&["--max-answer-tokens", "64"]);
    for (path, body) in &bodies {
        server.post(path, body).success();
    }
    let (mut refused, mut answered) = (0, 0);
    for number in 0..600 {
        let (path, body) = &bodies[number % bodies.len()];
        let mut body = body.clone();
        for _ in 0..=random.below(2) {
            mutate(&mut body, &mut random);
        }
        let text = body.to_string();
        let bytes = if number % 3 == 0 { broken(&text, &mut random) } else { text.into_bytes() };
        let reply = exchange(server.port, &request("POST", path, "", &bytes)).unwrap();
        match reply.status {
            200 => answered += 1,
            400 | 404 => {
                let error = &reply.json()["error"];
                let sentence = error.as_str().or(error["message"].as_str()).unwrap_or_default();
                assert!(sentence.len() > 10, "{path} {}: {}", String::from_utf8_lossy(&bytes), reply.text());
                refused += 1;
            }
            status => panic!("{status} for {path} {}: {}", String::from_utf8_lossy(&bytes), reply.text()),
        }
    }
    assert!(refused > 200 && answered > 20, "{refused} {answered}");
    server.complete(&json!({})).success();
    server.until_idle();
}

#[test]
fn what_is_no_http_and_what_is_asked_in_the_wrong_way_is_refused() {
    let home = Home::new();
    let server = home.serve(&[]);
    for bytes in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "POST /v1/completions HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
    ] {
        let mut stream = connect(server.port);
        stream.write_all(bytes.as_bytes()).unwrap();
        if let Ok(stream) = begin(stream) {
            assert_eq!(stream.status, 400, "{bytes:?}");
        }
    }
    let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    assert_eq!(exchange(server.port, &request("GET", "/health", &many, b"")).unwrap().status, 431);
    assert!(server.get("/v1/completions").refusal(405).contains("GET"));
    assert!(server.post("/nowhere", &json!({})).refusal(404).contains("/nowhere"));
    let stranger = b"GET /health HTTP/1.1\r\nhost: example.com\r\nconnection: close\r\n\r\n";
    assert_eq!(exchange(server.port, stranger).unwrap().status, 403);
    assert_eq!(server.get("/health").status, 200);
}
