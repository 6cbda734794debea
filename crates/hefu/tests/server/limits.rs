//! Limits of the server.

use crate::client::{begin, connect, exchange, request};
use crate::process::{Home, eventually};
use serde_json::{Value, json};
use std::io::{Read, Write};

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_read() {
    let home = Home::new();
    let server = home.serve(&["--max-body-bytes", "64K"]);
    let body = |bytes: usize| json!({"prompt": "x".repeat(bytes), "max_tokens": 1}).to_string();
    let refused = exchange(server.port, &request("POST", "/v1/completions", "", body(70_000).as_bytes())).unwrap();
    assert!(refused.refusal(413).contains("--max-body-bytes"));
    // It says so by its length alone.
    let mut stream = connect(server.port);
    let head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 99999999999\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(begin(stream).unwrap().status, 413);
    // And in pieces, of which none says how many there will be.
    let mut stream = connect(server.port);
    let head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    let piece = format!("1000\r\n{}\r\n", " ".repeat(4096));
    // The server may close before all of it is sent.
    let sent = (0..32).try_for_each(|_| stream.write_all(piece.as_bytes()));
    assert!(sent.is_err() || begin(stream).is_ok_and(|stream| stream.status == 413));
    exchange(server.port, &request("POST", "/v1/completions", "", body(30_000).as_bytes())).unwrap().success();
}

#[test]
fn a_head_or_a_body_that_does_not_come_is_not_waited_for() {
    let home = Home::new();
    let server = home.serve(&["--read-seconds", "1"]);
    let mut slow_head = connect(server.port);
    slow_head.write_all(b"POST /v1/completions HTTP/1.1\r\nhost: local").unwrap();
    let mut slow_body = connect(server.port);
    let head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{\"prompt\"";
    slow_body.write_all(head.as_bytes()).unwrap();
    let nothing = connect(server.port);
    server.complete(&json!({})).success();
    let mut reply = begin(slow_body).unwrap();
    assert_eq!(reply.status, 408);
    assert!(String::from_utf8(reply.rest().unwrap()).unwrap().contains("--read-seconds"));
    for mut stream in [slow_head, nothing] {
        let mut rest = Vec::new();
        // Closed, with or without a word.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.is_empty() || rest.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&rest));
    }
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let home = Home::new();
    let server = home.serve(&["--max-running", "1", "--max-queue", "2"]);
    let mut running = server.stream(&json!({"max_tokens": 30000}));
    running.until_text();
    std::thread::scope(|scope| {
        let waiting = [0, 1].map(|_| scope.spawn(|| server.complete(&json!({})).success()));
        server.until("two wait", |slot| slot["waiting"] == 2);
        for body in [json!({}), json!({"stream": true}), json!({"n": 2})] {
            let refused = server.complete(&body);
            assert!(refused.refusal(429).contains("try again"), "{}", refused.text());
            assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() > 0);
        }
        // A request that the queue can never hold need not come again.
        server.complete(&json!({"n": 3})).refusal(400);
        // Other endpoints answer all the while.
        assert_eq!(server.get("/ready").status, 200);
        server.post("/tokenize", &json!({"content": "one"})).success();
        drop(running);
        let answers = waiting.map(|thread| thread.join().unwrap());
        assert_eq!(answers[0]["choices"], answers[1]["choices"]);
    });
    server.until_idle();
    assert_eq!(server.metric("hefu_http_requests_total{path=\"/v1/completions\",status=\"429\"}"), 3.0);
}

#[test]
fn an_answer_that_takes_too_long_ends_with_a_word() {
    let home = Home::new();
    let server = home.serve(&["--request-seconds", "1", "--max-running", "2"]);
    let endless = json!({"max_tokens": 30000, "n": 3});
    let whole = server.complete(&endless);
    assert!(whole.refusal(504).contains("--request-seconds"));
    let mut streamed = server.stream(&endless);
    let text = String::from_utf8(streamed.rest().unwrap()).unwrap();
    let last: Value =
        serde_json::from_str(text.trim_end().lines().last().unwrap().trim_start_matches("data: ")).unwrap();
    assert!(last["error"]["message"].as_str().unwrap().contains("--request-seconds"), "{last}");
    server.until_idle();
    server.complete(&json!({})).success();
}

#[test]
fn choices_are_the_answers_that_their_seeds_give_alone() {
    let home = Home::new();
    let server = home.serve(&["--max-choices", "9", "--max-running", "4"]);
    let several = server.complete(&json!({"n": 9, "max_tokens": 24, "seed": 100})).success();
    let choices = several["choices"].as_array().unwrap();
    assert_eq!(several["usage"]["completion_tokens"], 9 * 24);
    for (index, choice) in choices.iter().enumerate() {
        let alone = server.complete(&json!({"max_tokens": 24, "seed": 100 + index})).success();
        assert_eq!((&choice["index"], &choice["text"]), (&json!(index), &alone["choices"][0]["text"]));
    }
    assert_ne!(choices[0]["text"], choices[1]["text"]);
    let refused = server.complete(&json!({"n": 10}));
    assert!(refused.refusal(400).contains("at most 9"));
    for wrong in [json!(0), json!(-1), json!("2"), json!(1e9)] {
        let status = server.complete(&json!({"n": wrong, "max_tokens": 1})).status;
        assert!(status == 400 || wrong == json!(0) && status == 200, "{wrong}: {status}");
    }
    eventually("all are over", || server.slot()["running"] == 0);
}
