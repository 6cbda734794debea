//! Isolation of clients: memory, models, threads, prompts.

use crate::client::{Reply, begin, connect, exchange, request};
use crate::process::{Home, Server, eventually};
use serde_json::{Value, json};
use std::io::Write;

/// A key for each name.
fn keys<const N: usize>(home: &Home, names: [&str; N]) -> [String; N] {
    names.map(|name| {
        let output = home.command(&["key", "add", name, "--keys", "keys.json"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    })
}

/// Number of tokens of a long prompt that came out of the cache.
fn cached(server: &Server, key: &str, text: &str) -> u64 {
    let answer = ask(server, key, "/v1/completions", &json!({"prompt": text, "max_tokens": 1})).success();
    answer["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap()
}

#[test]
fn a_prompt_of_one_key_is_not_to_be_guessed_by_another_unless_both_are_in_one_group() {
    let home = Home::new();
    let [first, second] = keys(&home, ["first", "second"]);
    let grouped = ["third", "fourth"].map(|name| {
        let output = home.command(&["key", "add", name, "--group", "ours", "--keys", "keys.json"]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    let server = home.serve(&["--require-key", "--keys", "keys.json"]);
    let text = "The number is 7493. ".repeat(100);
    assert_eq!(cached(&server, &first, &text), 0);
    assert_eq!(cached(&server, &second, &text), 0);
    assert!(cached(&server, &first, &text) > 1000 && cached(&server, &second, &text) > 1000);
    assert_eq!(cached(&server, &grouped[0], &text), 0);
    assert!(cached(&server, &grouped[1], &text) > 1000);
}

fn ask(server: &Server, key: &str, path: &str, body: &Value) -> Reply {
    let headers = format!("authorization: Bearer {key}\r\n");
    exchange(server.port, &request("POST", path, &headers, body.to_string().as_bytes())).unwrap()
}

#[test]
fn one_client_does_not_let_another_ones_model_go() {
    let home = Home::new();
    let [first, second] = keys(&home, ["first", "second"]);
    let server = home.serve(&["--require-key", "--keys", "keys.json", "--keep-alive", "0"]);
    let generate = |key: &str, keep: Value| {
        let body = json!({"prompt": "a", "stream": false, "keep_alive": keep, "options": {"num_predict": 1}});
        ask(&server, key, "/api/generate", &body)
    };
    let loaded = |key: &str| {
        let headers = format!("authorization: Bearer {key}\r\n");
        let reply = exchange(server.port, &request("GET", "/api/ps", &headers, b"")).unwrap();
        reply.success()["models"].as_array().unwrap().len()
    };
    // Whatever the number, the model stays and others are answered.
    for keep in
        [json!(0), json!("0s"), json!(1e-9), json!(300_000_000_000_u64), json!(1e18), json!(-1), json!("99999h")]
    {
        generate(&second, json!(-1)).success();
        let status = generate(&first, keep.clone()).status;
        assert_eq!(status, 200, "{keep}");
        assert_eq!(loaded(&second), 1, "{keep}");
    }
    // It goes once both have let it go.
    generate(&first, json!(0)).success();
    assert_eq!(loaded(&first), 1);
    generate(&second, json!(0)).success();
    eventually("it is unloaded", || loaded(&first) == 0);
}

#[test]
fn a_prompt_that_can_never_fit_is_refused_by_its_bytes() {
    let home = Home::new();
    let server = home.serve(&[]);
    // The longest token has 15 bytes, and there is room for 32,768 tokens.
    let text = "a".repeat(600_000);
    let by_bytes = |reply: &Reply| {
        let sentence = reply.refusal(400);
        assert!(
            sentence.contains("600") && sentence.contains("bytes are at least") && sentence.contains("32768"),
            "{sentence}"
        );
        assert_eq!(reply.json()["error"]["code"], "context_length_exceeded");
    };
    by_bytes(&server.complete(&json!({"prompt": text})));
    let messages = json!([{"role": "user", "content": text}]);
    by_bytes(&server.post("/v1/chat/completions", &json!({"messages": messages, "max_tokens": 1})));
    // A text that might fit is tokenised and counted, and so is one that is to be counted.
    assert!(server.complete(&json!({"prompt": "a".repeat(40_000)})).refusal(400).contains("40001 tokens"));
    let counted = server.post("/v1/messages/count_tokens", &json!({"messages": messages})).success();
    assert!(counted["input_tokens"].as_u64().unwrap() > 600_000);
    let too_long = server.post("/tokenize", &json!({"content": "a".repeat(1_100_000)}));
    assert!(too_long.refusal(400).contains("1100000 bytes"));
    let pieces = server.post("/tokenize", &json!({"content": "a".repeat(20_000), "with_pieces": true})).success();
    assert_eq!(pieces["tokens"].as_array().unwrap().len(), 20_000);
    assert_eq!((&pieces["count"], &pieces["tokens"][19_999]["piece"]), (&json!(20_000), &json!("a")));
}

#[test]
fn large_requests_share_a_bounded_memory_and_small_ones_never_wait_for_it() {
    let home = Home::new();
    let server = home.serve(&["--request-memory", "1M"]);
    let large = json!({"content": "a".repeat(100_000)});
    // More than half of the memory, but there is nobody else.
    server.post("/tokenize", &large).success();
    let hold = || {
        let mut held = connect(server.port);
        held.write_all(b"POST /tokenize HTTP/1.1\r\nhost: localhost\r\ncontent-length: 700000\r\n\r\n").unwrap();
        held.write_all("a".repeat(510_000).as_bytes()).unwrap();
        held
    };
    let mut held = hold();
    eventually("the memory is taken", || {
        let reply = server.post("/tokenize", &large);
        assert!(reply.status == 200 || reply.refusal(429).contains("--request-memory"), "{}", reply.text());
        if reply.status == 200 {
            // Where the other request was there first, this one was refused and holds nothing.
            held = hold();
        }
        reply.status == 429
    });
    server.complete(&json!({"max_tokens": 1})).success();
    drop(held);
    eventually("it is given back", || server.post("/tokenize", &large).status == 200);
}

#[test]
fn what_a_request_may_take_is_known_before_it_is_taken() {
    let home = Home::new();
    let server = home.serve(&[]);
    let before = server.resident();
    let filled =
        |start: &str, item: &str, end: &str| format!("{start}{}{end}", item.repeat((8 << 20) / item.len() - 20));
    for (path, body) in [
        ("/detokenize", filled("{\"tokens\":[", "5,", "5]}")),
        ("/v1/completions", filled("{\"x\":[", "{\"\":[0]},", "0]}")),
        ("/v1/completions", filled("{\"x\":[", "[],", "[]]}")),
    ] {
        let refused = exchange(server.port, &request("POST", path, "", body.as_bytes())).unwrap();
        assert!(refused.refusal(413).contains("MiB of memory"), "{path}");
    }
    let grown = server.resident().saturating_sub(before) >> 10;
    assert!(grown < 64, "{grown} MiB");
    let refused = server.complete(&json!({"n": 64, "logprobs": 1000, "max_tokens": 400}));
    assert!(refused.refusal(400).contains("log-probabilities"));
}

#[test]
fn begun_answers_go_on_where_they_stop_in_every_dialect() {
    let home = Home::new();
    let server = home.serve(&[]);
    let prompt = |reply: &Reply| {
        reply.success();
        let id = reply.header("x-hefu-answer-id").unwrap();
        let tokens = server.get(&format!("/v1/receipts/{id}")).success()["answer"]["prompt"]["tokens"].clone();
        server.post("/detokenize", &json!({"tokens": tokens})).success()["content"].as_str().unwrap().to_owned()
    };
    for start in ["<", "|", "assistant", "total = ", "def f():\n    ", ""] {
        let messages = json!([{"role": "user", "content": "Write"}, {"role": "assistant", "content": start}]);
        let more = json!({"max_tokens": 1, "continue_final_message": true, "add_generation_prompt": false});
        let options = json!({"stream": false, "options": {"num_predict": 1}});
        for (path, fields) in
            [("/v1/chat/completions", more), ("/v1/messages", json!({"max_tokens": 1})), ("/api/chat", options)]
        {
            let mut body = fields;
            body["messages"] = messages.clone();
            let text = prompt(&server.post(path, &body));
            assert!(text.ends_with(&format!("assistant: {start}")), "{path} {start:?}: {text:?}");
        }
    }
    // Parts of a message stand on lines of their own.
    let part = |text: &str| json!({"type": "text", "text": text});
    let messages = json!([{"role": "user", "content": [part("Sum up:"), part(""), part("Tides rise.")]}]);
    for path in ["/v1/chat/completions", "/v1/messages"] {
        let text = prompt(&server.post(path, &json!({"messages": messages, "max_tokens": 1})));
        assert!(text.contains("user: Sum up:\nTides rise.<|im_end|>"), "{path}: {text:?}");
    }
}

#[test]
fn compressed_bodies_are_the_same_requests() {
    let home = Home::new();
    let server = home.serve(&[]);
    let expected = server.complete(&json!({})).success();
    for (encoding, body) in [("gzip", GZIP), ("zstd", ZSTD)] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let reply = exchange(server.port, &request("POST", "/v1/completions", &headers, body)).unwrap();
        assert_eq!(reply.success()["choices"], expected["choices"], "{encoding}");
        let broken = exchange(server.port, &request("POST", "/v1/completions", &headers, &body[..20])).unwrap();
        assert!(broken.refusal(400).contains(encoding));
    }
}

#[test]
fn a_head_that_is_sent_byte_by_byte_is_still_a_head() {
    let home = Home::new();
    let server = home.serve(&[]);
    let mut stream = connect(server.port);
    for byte in request("GET", "/health", "", b"") {
        stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(begin(stream).unwrap().status, 200);
}

/// `server.complete(&json!({}))` as `gzip` writes it.
#[rustfmt::skip]
const GZIP: &[u8] = &[
    31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 21, 202, 65, 10, 128, 48, 12, 68, 209, 171, 132, 172, 221, 184, 81, 240, 50, 165,
    224, 32, 34, 105, 74, 154, 162, 32, 222, 221, 116, 247, 121, 51, 47, 87, 83, 169, 206, 27, 177, 22, 144, 223, 202,
    19, 177, 228, 39, 185, 94, 40, 45, 134, 121, 9, 113, 72, 133, 101, 239, 134, 65, 33, 13, 216, 35, 215, 200, 243,
    40, 106, 72, 208, 113, 119, 235, 248, 126, 4, 124, 44, 135, 88, 0, 0, 0,
];

/// `server.complete(&json!({}))` as `zstd` writes it.
#[rustfmt::skip]
const ZSTD: &[u8] = &[
    40, 181, 47, 253, 4, 88, 93, 2, 0, 130, 197, 17, 23, 160, 167, 57, 80, 88, 209, 82, 220, 202, 253, 247, 13, 237,
    254, 175, 12, 216, 2, 65, 234, 191, 169, 1, 137, 23, 152, 53, 167, 59, 57, 222, 25, 16, 220, 10, 212, 44, 248,
    147, 91, 163, 230, 99, 145, 5, 143, 204, 211, 45, 192, 168, 57, 157, 23, 46, 201, 161, 24, 183, 124, 134, 236,
    207, 185, 230, 68, 230, 16, 25, 17, 0, 252, 129, 212, 225,
];
