//! A disk that takes no more: nothing is answered, it is said, and it goes on where there is room again.

use super::server::{Client, Reply, Server};
use crate::support::Home;
use serde_json::json;
use std::process::Command;

fn ask(client: &Client, stream: bool) -> Reply {
    let body = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 4, "stream": stream});
    client.post("/v1/chat/completions", &body, &[]).unwrap()
}

/// A server that cannot write files of more than some hundred kilobytes: beyond that writing fails as on a full disk,
/// once the signal that says so is ignored.
fn limited(home: &Home) -> Server {
    let mut command = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -S -f 512; exec \"$0\" \"$@\"";
    command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_hefu"));
    command.args(["serve", "--port", "0", "--threads", "1", "--audit", "audit.db", "--model"]).arg(home.model());
    Server::run(home, command)
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_stops_answering_and_says_so() {
    let home = Home::new();
    let server = limited(&home);
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
    assert!(verified.starts_with(&format!("{answered} records,")), "{verified}");

    let lifted =
        Command::new("prlimit").args(["--fsize=unlimited", "--pid", &server.pid().to_string()]).status().unwrap();
    assert!(lifted.success());
    // What failed is tried again at most once a second.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!((server.get("/ready").status, ask(&client, true).status), (200, 200));
    server.stop();
    let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(verified.starts_with(&format!("{} records,", answered + 1)), "{verified}");
    assert!(verified.contains("nothing was changed, and nothing is missing"), "{verified}");
}
