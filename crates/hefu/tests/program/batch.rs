//! A file of requests, answered together.

use crate::support::Home;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Time after which a test gives up: far beyond what anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

fn chat(custom_id: &str, fields: &Value) -> Value {
    let mut body =
        json!({"messages": [{"role": "user", "content": custom_id}], "max_tokens": 24, "temperature": 1.5, "seed": 7});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    json!({"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body})
}

fn write(home: &Home, name: &str, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(home.path(name), text).unwrap();
}

/// The answers by `custom_id`; one that comes twice fails.
fn read(home: &Home, name: &str) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for line in std::fs::read_to_string(home.path(name)).unwrap().lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let id = answer["custom_id"].as_str().unwrap().to_owned();
        assert!(answers.insert(id.clone(), answer).is_none(), "{id} comes twice");
    }
    answers
}

fn text(answer: &Value) -> &Value {
    &answer["response"]["body"]["choices"][0]["message"]["content"]
}

#[test]
fn every_line_has_its_answer_and_wrong_ones_their_error() {
    let home = Home::new();
    let mut lines: Vec<Value> = ["a", "b", "c"].iter().map(|id| chat(id, &json!({}))).collect();
    lines.push(chat("refused", &json!({"temperature": -1})));
    lines.push(chat("streamed", &json!({"stream": true})));
    lines.push(json!({"custom_id": "completion", "method": "POST", "url": "/v1/completions",
        "body": {"prompt": "one", "max_tokens": 4}}));
    lines.push(json!({"custom_id": "vector", "method": "POST", "url": "/v1/embeddings", "body": {"input": "one"}}));
    lines.push(json!({"custom_id": "elsewhere", "method": "POST", "url": "/v1/models", "body": {}}));
    write(&home, "in.jsonl", &lines);
    let run = home.tiny(&["batch", "in.jsonl", "out.jsonl"]).failure(1);
    assert!(
        run.contains("8 of 8 requests answered in out.jsonl, 3 with errors; the same command with --retry"),
        "{run}"
    );
    let answers = read(&home, "out.jsonl");
    assert_eq!(answers.len(), 8);
    for id in ["a", "b", "c"] {
        let answer = &answers[id];
        assert_eq!((&answer["response"]["status_code"], &answer["error"]), (&json!(200), &Value::Null));
        let alone =
            home.tiny(&["run", "--json", "--seed", "7", "--max-tokens", "24", "--temperature", "1.5", id]).json();
        assert_eq!(
            (text(answer), &answer["response"]["body"]["system_fingerprint"]),
            (&alone["text"], &alone["fingerprint"])
        );
    }
    assert_eq!(answers["refused"]["response"]["status_code"], 400);
    assert_eq!(answers["refused"]["response"]["body"]["error"]["param"], "temperature");
    assert_eq!(answers["streamed"]["response"], Value::Null);
    assert!(answers["streamed"]["error"]["message"].as_str().unwrap().contains("stream"));
    assert!(answers["elsewhere"]["error"]["message"].as_str().unwrap().contains("url"));
    assert_eq!(answers["completion"]["response"]["body"]["object"], "text_completion");
    assert!(answers["vector"]["response"]["body"]["data"][0]["embedding"].as_array().is_some());
}

#[test]
fn errors_are_told_by_the_exit_status_until_they_are_asked_again() {
    let home = Home::new();
    let good = chat("good", &json!({}));
    // As some editors and shells write files: a mark of the byte order, and a carriage return before each line feed.
    let text = format!("\u{feff}{}\r\n\r\n{good}\r\n", chat("mended", &json!({"temperature": -1})));
    std::fs::write(home.path("in.jsonl"), text).unwrap();
    let batch = |more: &[&str]| home.tiny(&[&["batch", "in.jsonl", "out.jsonl"], more].concat());
    for _ in 0..2 {
        assert!(batch(&[]).failure(1).contains("2 of 2 requests answered in out.jsonl, 1 with errors"));
    }
    let before = read(&home, "out.jsonl");
    write(&home, "in.jsonl", &[chat("mended", &json!({})), good]);
    batch(&["--retry"]).success();
    let answers = read(&home, "out.jsonl");
    assert_eq!(answers["good"], before["good"]);
    assert_eq!(answers["mended"]["response"]["status_code"], 200);
    batch(&[]).success();
    std::fs::write(home.path("schema.json"), "\u{feff}{\"enum\": [3]}").unwrap();
    assert_eq!(home.tiny(&["run", "--schema", "schema.json", "x"]).success().trim(), "3");
}

#[test]
fn a_second_run_has_nothing_to_do_and_files_of_another_kind_are_left_alone() {
    let home = Home::new();
    write(&home, "in.jsonl", &[chat("a", &json!({})), chat("b", &json!({}))]);
    home.tiny(&["batch", "in.jsonl", "out.jsonl"]).success();
    let before = std::fs::read_to_string(home.path("out.jsonl")).unwrap();
    home.tiny(&["batch", "in.jsonl", "out.jsonl"]).success();
    assert_eq!(std::fs::read_to_string(home.path("out.jsonl")).unwrap(), before);
    let asked = std::fs::read_to_string(home.path("in.jsonl")).unwrap();
    assert!(home.tiny(&["batch", "in.jsonl", "in.jsonl"]).failure(1).contains("no answer of a batch"));
    assert_eq!(std::fs::read_to_string(home.path("in.jsonl")).unwrap(), asked);
    write(&home, "twice.jsonl", &[chat("a", &json!({})), chat("a", &json!({}))]);
    assert!(home.tiny(&["batch", "twice.jsonl", "new.jsonl"]).failure(1).contains("line 2"));
    assert!(!home.path("new.jsonl").exists());
}

/// Whole lines of the answers that are there by now.
fn lines(home: &Home) -> usize {
    let text = std::fs::read_to_string(home.path("out.jsonl")).unwrap_or_default();
    text.matches('\n').count()
}

fn start(home: &Home) -> Child {
    let model = home.model();
    let arguments = ["batch", "in.jsonl", "out.jsonl", "--parallel", "2", "--model", model.to_str().unwrap()];
    let mut command = Command::new(env!("CARGO_BIN_EXE_hefu"));
    command.args(arguments).env("HEFU_HOME", home.path("home")).current_dir(home.path(""));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

#[test]
fn a_batch_that_is_killed_again_and_again_has_each_line_exactly_once() {
    let home = Home::new();
    let asked: Vec<Value> = (0..60).map(|number| chat(&format!("line {number}"), &json!({"seed": number}))).collect();
    write(&home, "in.jsonl", &asked);
    let mut kills = 0;
    let mut before = String::new();
    for torn in
        ["", "{\"id\":\"batch_req_0", "{\"id\"", "{", "{\"id\":\"batch_req_1\",\"custom_id\":\"line 59\",\"resp"]
    {
        let had = lines(&home);
        let mut child = start(&home);
        let started = Instant::now();
        // Killed as soon as there is something new, wherever it is then.
        while lines(&home) < had + 3 && child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "no line came");
            std::thread::sleep(Duration::from_millis(1));
        }
        kills += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let mut now = std::fs::read_to_string(home.path("out.jsonl")).unwrap();
        assert!(now.starts_with(&before), "what was there is there");
        now.truncate(now.rfind('\n').map_or(0, |end| end + 1));
        before = now.clone();
        // As if it had been killed while it wrote.
        std::fs::write(home.path("out.jsonl"), now + torn).unwrap();
    }
    assert!(kills > 0, "the batch was always finished before it was killed");
    assert!(start(&home).wait().unwrap().success());
    let answers = read(&home, "out.jsonl");
    assert_eq!(answers.len(), asked.len());
    home.tiny(&["batch", "in.jsonl", "whole.jsonl"]).success();
    for (id, answer) in read(&home, "whole.jsonl") {
        assert_eq!(text(&answers[&id]), text(&answer), "{id}");
        assert!(text(&answer).as_str().is_some_and(|text| !text.is_empty()));
    }
}
