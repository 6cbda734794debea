//! A batch whose disk is full, and one that is killed at any moment.

use crate::process::Home;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::Duration;

const LINES: usize = 120;

fn ask(home: &Home) {
    let line = |number: usize| {
        let body = json!({"messages": [{"role": "user", "content": format!("line {number}")}], "max_tokens": 20 + number % 40,
            "seed": number});
        format!(
            "{}\n",
            json!({"custom_id": format!("{number}"), "method": "POST", "url": "/v1/chat/completions", "body": body})
        )
    };
    std::fs::write(home.path("in.jsonl"), (0..LINES).map(line).collect::<String>()).unwrap();
}

/// `hefu batch`, after these words of a shell.
fn batch(home: &Home, shell: &str) -> Command {
    let script = format!("{shell}; exec \"$0\" \"$@\"");
    let program = env!("CARGO_BIN_EXE_hefu");
    let mut command = Command::new("sh");
    command.args(["-c", &script, program, "batch", "in.jsonl", "out.jsonl", "--model", "tiny.gguf", "--parallel", "4"]);
    command.env("HEFU_HOME", home.path("home")).env("LC_ALL", "C").current_dir(home.path("")).stdin(Stdio::null());
    command
}

/// The answers by `custom_id`; a line that is torn or comes twice fails.
fn answers(home: &Home) -> BTreeMap<String, Value> {
    let mut answers = BTreeMap::new();
    for line in std::fs::read_to_string(home.path("out.jsonl")).unwrap().lines() {
        let answer: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("torn: {line}"));
        let text = answer["response"]["body"]["choices"][0]["message"]["content"].clone();
        assert!(answers.insert(answer["custom_id"].as_str().unwrap().to_owned(), text).is_none(), "{line} comes twice");
    }
    answers
}

fn expected() -> BTreeMap<String, Value> {
    let home = Home::new();
    ask(&home);
    assert!(batch(&home, ":").output().unwrap().status.success());
    answers(&home)
}

#[test]
fn a_batch_whose_file_cannot_grow_says_so_and_goes_on_from_there() {
    let (home, expected) = (Home::new(), expected());
    ask(&home);
    let mut before = 0;
    // Blocks of 512 bytes that a file may have. A write beyond them fails as one to a full disk does, in the middle of a line.
    for blocks in [7, 30, 31, 60] {
        let output = batch(&home, &format!("trap '' XFSZ; ulimit -f {blocks}")).output().unwrap();
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{sentence}");
        assert!(sentence.contains("out.jsonl") && sentence.contains("goes on from there"), "{sentence}");
        let now = answers(&home);
        assert!(now.len() >= before && now.len() < LINES);
        before = now.len();
    }
    assert!(before > 0);
    assert!(batch(&home, ":").output().unwrap().status.success());
    assert_eq!(answers(&home), expected);
}

#[test]
fn a_batch_that_is_killed_at_any_moment_has_each_line_exactly_once() {
    let (home, expected) = (Home::new(), expected());
    ask(&home);
    let mut kills = 0;
    for number in 0..24_u64 {
        let mut command = batch(&home, ":");
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Anywhere between before its first look at a file and after its last line.
        std::thread::sleep(Duration::from_millis(number * number * 40_503 % 211));
        kills += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0, "it was always finished before it was killed");
    assert!(batch(&home, ":").output().unwrap().status.success());
    assert_eq!(answers(&home), expected);
}
