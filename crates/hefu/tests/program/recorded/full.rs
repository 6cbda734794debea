//! A disk that takes no more: nothing is answered, it is said, and it goes on where there is room again.

use super::server::{Client, Reply, Server};
use crate::support::Home;
use serde_json::{Value, json};
use std::process::Command;

fn ask(client: &Client, stream: bool) -> Reply {
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4, "stream": stream});
    client.post("/v1/chat/completions", &body, &[]).unwrap()
}

/// The program, which cannot write files of more than some hundred kilobytes: beyond that writing fails as on a full disk,
/// once the signal that says so is ignored.
fn limited(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -S -f 512; exec \"$0\" \"$@\"";
    command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_hefu")).args(arguments);
    command.args(["--threads", "1", "--audit", "audit.db", "--model"]).arg(home.model());
    command
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_answering_and_says_so() {
    let home = Home::new();
    let server = Server::run(&home, limited(&home, &["serve", "--port", "0"]));
    let client = server.client();
    assert_eq!(server.get("/ready").status, 200);
    let mut answered = 0;
    let refused = loop {
        let reply = ask(&client, false);
        if reply.status != 200 {
            break reply;
        }
        answered += 1;
        assert!(answered < 10_000, "the log grew beyond its limit");
    };
    assert_eq!(refused.status, 503);
    let sentence = refused.sentence();
    for part in ["cannot be recorded", "audit.db cannot grow", "make room"] {
        assert!(sentence.contains(part), "{sentence}");
    }
    // From now on nothing is computed: streams are refused before they begin, and whoever watches is told.
    let (stream, ready) = (ask(&client, true), server.get("/ready"));
    assert_eq!((stream.status, ready.status), (503, 503));
    assert!(stream.sentence().contains("make room") && ready.sentence().contains("make room"));
    let other =
        client.post("/v1/messages", &json!({"messages": [{"role": "user", "content": "a"}], "max_tokens": 1}), &[]);
    assert_eq!(other.map(|reply| (reply.status, reply.json()["type"].clone())), Some((503, json!("error"))));
    assert_eq!(server.get("/health").status, 200);
    let log = std::fs::read_to_string(home.path("serve.log")).unwrap();
    assert!(log.contains("nothing is answered any more"), "{log}");
    let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(verified.contains(&format!(" {answered} of them of answers,")), "{verified}");

    let lifted =
        Command::new("prlimit").args(["--fsize=unlimited", "--pid", &server.pid().to_string()]).status().unwrap();
    assert!(lifted.success());
    // A failed log is tried again at most once a second.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!((server.get("/ready").status, ask(&client, true).status), (200, 200));
    server.stop();
    let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(verified.contains(&format!(" {} of them of answers,", answered + 1)), "{verified}");
    assert!(verified.contains("nothing was changed, and nothing is missing"), "{verified}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_ends_on_a_full_disk_and_goes_on_later() {
    const REQUESTS: u64 = 400;
    let home = Home::new();
    let line = |id: u64| {
        json!({"custom_id": id.to_string(), "method": "POST", "url": "/v1/completions",
        "body": {"prompt": "a", "max_tokens": 2, "seed": id}})
    };
    let lines: String = (0..REQUESTS).map(|id| format!("{}\n", line(id))).collect();
    std::fs::write(home.path("in.jsonl"), lines).unwrap();
    let mut command = limited(&home, &["batch", "in.jsonl", "out.jsonl"]);
    command.env("HEFU_HOME", home.path("home")).env_remove("HEFU_MODEL").current_dir(home.path(""));
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be recorded") && said.contains("make room"), "{said}");
    let answers = || std::fs::read_to_string(home.path("out.jsonl")).unwrap();
    let answered = answers().lines().count() as u64;
    assert!(answered > 0 && answered < REQUESTS, "{answered}");

    home.tiny(&["batch", "in.jsonl", "out.jsonl", "--audit", "audit.db"]).success();
    let is_good = |line: &str| serde_json::from_str::<Value>(line).unwrap()["response"]["status_code"] == 200;
    let all = answers();
    assert_eq!((all.lines().count() as u64, all.lines().all(is_good)), (REQUESTS, true));
    let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(verified.contains("nothing was changed, and nothing is missing"), "{verified}");
}
