//! Layers of the tiny model in other processes.

use crate::support::Home;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// A running `hefu part`.
struct Part {
    process: Child,
    address: String,
}

impl Part {
    fn start(home: &Home, more: &[&str]) -> Part {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.args(["part", "--port", "0", "--threads", "1", "--model"]).arg(home.model()).args(more);
        command.env("HEFU_HOME", home.path("home")).env("LC_ALL", "C").stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("hefu: a part listens on ").expect(&line).to_owned();
        Part { process, address }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ask(home: &Home, more: &[&str]) -> Value {
    let asked = ["run", "--json", "--seed", "3", "--max-tokens", "16", "--logits-hash", "--threads", "1", "A question"];
    home.tiny(&[&asked, more].concat()).json()
}

#[test]
fn layers_in_other_processes_have_the_same_bits() {
    let home = Home::new();
    std::fs::write(home.path("key.txt"), "known to all of them\n").unwrap();
    let key = ["--part-key", "key.txt"];
    let own = home.path("key.txt");
    let [first, second] = [0, 1].map(|_| Part::start(&home, &["--part-key", own.to_str().unwrap()]));
    let right = ask(&home, &[]);
    let (one, two) = (&first.address, &second.address);
    // An address where nobody is is passed over.
    for split in [
        format!("part@{one}:0-1"),
        format!("part@{one}:0,part@{two}:1"),
        format!("cpu:0,part@127.0.0.1:1/{two}:1"),
        format!("part@{one}:0,cpu:1"),
    ] {
        let found = ask(&home, &[&["--split", &split], &key[..]].concat());
        for name in ["text", "token_ids", "finish_reason", "fingerprint", "logits_hash"] {
            assert_eq!(found[name], right[name], "{name} with --split {split}");
        }
    }
    let split = format!("part@{one}:0-1");
    let wrong = home.tiny(&["run", "--split", &split, "A question"]).failure(1);
    assert!(wrong.contains("another key"), "{wrong}");
    std::fs::write(home.path("short.txt"), "short").unwrap();
    let wrong = home.tiny(&["run", "--split", &split, "--part-key", "short.txt", "A question"]).failure(2);
    assert!(wrong.contains("at least 16 bytes"), "{wrong}");
    // The other one is no more.
    drop(second);
    let split = format!("part@{one}:0,part@{}:1", "127.0.0.1:1");
    let wrong = home.tiny(&[&["run", "--split", &split, "A question"], &key[..]].concat()).failure(1);
    assert!(wrong.contains("127.0.0.1:1 cannot be reached") && wrong.lines().count() == 1, "{wrong}");
}

#[test]
fn a_part_that_must_not_be_is_refused() {
    let home = Home::new();
    let wrong = home.tiny(&["part", "--host", "0.0.0.0", "--port", "0"]).failure(2);
    assert!(wrong.contains("needs a key") && wrong.contains("--part-key"), "{wrong}");
    let wrong = home.tiny(&["part", "--port", "0", "--split", "cpu:0-1"]).failure(2);
    assert!(wrong.contains("leave --split out"), "{wrong}");
    let wrong = home.tiny(&["run", "--device", "part@127.0.0.1:1", "A question"]).failure(2);
    assert!(wrong.contains("a device is cpu"), "{wrong}");
}
