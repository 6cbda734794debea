//! Work that goes on at another process, whatever becomes of either.

use crate::client::{Reply, events, exchange, request};
use crate::process::{Home, Server, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Tokens of an answer that is not over when it is looked at.
const TOKENS: usize = 1500;

/// An operator's key, and the file that holds it.
fn operator(home: &Home) -> String {
    let output = home.command(&["key", "add", "admin", "--operator", "--keys", "keys.json"]).output().unwrap();
    let key = String::from_utf8(output.stdout).unwrap().trim().to_owned();
    std::fs::write(home.path("operator.txt"), format!("{key}\n")).unwrap();
    key
}

fn ask(server: &Server, method: &str, path: &str, key: &str, body: &Value) -> Reply {
    let headers = format!("authorization: Bearer {key}\r\n");
    exchange(server.port, &request(method, path, &headers, body.to_string().as_bytes())).unwrap()
}

fn asked(seed: u64) -> Value {
    json!({"max_tokens": TOKENS, "seed": seed, "logprobs": 1, "n": 1 + seed % 2})
}

/// What came of each choice.
fn choices(events: &[Value]) -> Vec<Vec<Value>> {
    let mut choices = vec![Vec::new(); 2];
    for choice in events.iter().filter_map(|event| event["choices"].as_array()).flatten() {
        choices[choice["index"].as_u64().unwrap() as usize].push(choice.clone());
    }
    choices
}

/// Answers that are begun at one server and read to their end, with something that happens in between.
fn compare(here: &Server, there: &Server, between: impl FnOnce()) {
    let right: Vec<_> = (0..4)
        .map(|seed| {
            let mut stream = there.stream(&asked(seed));
            events(&String::from_utf8(stream.rest().unwrap()).unwrap())
        })
        .collect();
    let mut streams: Vec<_> = (0..4).map(|seed| here.stream(&asked(seed))).collect();
    let mut texts = vec![Vec::new(); streams.len()];
    for (stream, text) in streams.iter_mut().zip(&mut texts) {
        text.extend(stream.piece().unwrap().unwrap());
    }
    between();
    for ((stream, mut text), right) in streams.iter_mut().zip(texts).zip(&right) {
        text.extend(stream.rest().unwrap());
        let text = String::from_utf8(text).unwrap();
        assert_eq!(choices(&events(&text)), choices(right));
        assert!(text.contains("[DONE]"));
    }
}

#[test]
fn a_server_that_is_told_to_stop_hands_its_answers_over() {
    let home = Home::new();
    operator(&home);
    let there = home.serve(&["--keys", "keys.json"]);
    let to = format!("http://127.0.0.1:{}", there.port);
    let flags = ["--drain-to", &to, "--drain-key", "operator.txt", "--drain-seconds", "240", "--audit", "audit.db"];
    let mut here = home.serve(&flags);
    compare(&here, &there, || here.signal(Signal::TERM));
    assert_eq!(here.ended(), Some(0));
    assert!(here.log().contains("goes on at another server") && there.log().contains("goes on here"), "{}", here.log());
    let listed = home.command(&["audit", "verify", "audit.db"]).output().unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
}

#[test]
fn a_process_that_is_killed_takes_no_answer_with_it() {
    let home = Home::new();
    let key = operator(&home);
    let reference = home.serve(&[]);
    for _ in 0..2 {
        let here = home.serve(&["--keys", "keys.json"]);
        let there = home.serve(&["--keys", "keys.json"]);
        let to = format!("http://127.0.0.1:{}", there.port);
        compare(&here, &reference, || {
            ask(&here, "POST", "/v1/drain", &key, &json!({"to": to, "key": key})).success();
            eventually("it computes", || there.slot()["running"].as_u64() > Some(0));
            there.signal(Signal::KILL);
        });
        let account = ask(&here, "GET", "/v1/drain", &key, &json!({})).success();
        assert!(account["answers"]["returned"].as_u64() > Some(0), "{account}");
    }
}
