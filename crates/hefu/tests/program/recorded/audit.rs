//! The log of answers: what is in it, what is stored, replaying it, and batches.

use super::server::{Server, dialects};
use crate::support::Home;
use serde_json::{Value, json};

fn records(home: &Home, log: &str) -> Vec<Value> {
    let listed = home.hefu(&["audit", "list", log, "--json"]).success();
    listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn body(seed: u64) -> Value {
    json!({"prompt": "one two", "max_tokens": 8, "seed": seed, "temperature": 1.3})
}

#[test]
fn every_dialect_is_logged_and_replayed() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    let mut ids = Vec::new();
    for (_, path, body) in dialects() {
        ids.push(server.post(path, &body).id);
    }
    let several = server.post(
        "/v1/chat/completions",
        &json!({"messages": [{"role": "user", "content": "a"}], "n": 3,
        "max_tokens": 5}),
    );
    ids.extend([several.id.clone(), format!("{}-1", several.id), format!("{}-2", several.id)]);
    // While the server runs, the log can be read, and verified.
    let running = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(running.contains("nothing was changed"), "{running}");
    let in_memory = server.get(&format!("/v1/receipts/{}", ids[0])).body;
    server.stop();

    let found: Vec<String> =
        records(&home, "audit.db").iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(found, ids);
    assert_eq!(home.hefu(&["audit", "show", "audit.db", &ids[0], "--receipt"]).success(), in_memory);
    let replayed = home.tiny(&["audit", "replay", "audit.db"]).success();
    assert_eq!(replayed, format!("{0} of {0} answers match\n", ids.len()));
    let some = home.tiny(&["audit", "replay", "audit.db", "--last", "2", "--steps", "--json"]).json();
    assert_eq!((&some["matching"], &some["total"]), (&json!(2), &json!(2)), "{some}");
    // After a restart, receipts come from the log.
    let server = Server::start(&home, &["--audit", "audit.db"]);
    assert_eq!(server.get(&format!("/v1/receipts/{}", ids[0])).body, in_memory);
    let second = home.tiny(&["serve", "--port", "0", "--audit", "audit.db"]).failure(1);
    assert!(second.contains("another program is writing"), "{second}");
    drop(server);
}

#[test]
fn what_is_stored_is_chosen() {
    let home = Home::new();
    for store in ["ids", "text", "hashes"] {
        let log = format!("{store}.db");
        let server = Server::start(&home, &["--audit", &log, "--audit-store", store]);
        let reply = server.post("/v1/completions", &body(1));
        let receipt = server.get(&format!("/v1/receipts/{}", reply.id));
        assert_eq!(receipt.status, 200, "{store}");
        server.stop();
        let record = records(&home, &log).remove(0);
        let text = reply.json()["choices"][0]["text"].clone();
        assert_eq!(record["text"], if store == "text" { text } else { Value::Null }, "{store}");
        assert_eq!(record["receipt"], if store == "hashes" { Value::Null } else { json!(receipt.body) }, "{store}");
        assert_eq!(record["receipt_digest"], receipt.json()["digest"], "{store}");
        // The receipt that the client took shows that it is the one of the record.
        std::fs::write(home.path("receipt.json"), &receipt.body).unwrap();
        home.tiny(&["verify", "receipt.json"]).success();
    }
    let wrong = home.tiny(&["serve", "--audit", "x.db", "--audit-store", "all"]).failure(2);
    assert!(wrong.contains("ids, text, hashes"), "{wrong}");
    assert!(home.tiny(&["serve", "--audit-store", "text"]).failure(2).contains("--audit"));
    assert!(home.tiny(&["serve", "--audit", "x.db", "--audit-keep", "6"]).failure(2).contains("180d"));
}

#[test]
fn what_is_old_enough_goes_when_the_log_is_opened() {
    let home = Home::new();
    for kept in [None, Some("180d"), Some("0h")] {
        let keep = kept.map_or(vec![], |time| vec!["--audit-keep", time]);
        let server = Server::start(&home, &[&["--audit", "audit.db"], &keep[..]].concat());
        server.post("/v1/completions", &body(1));
        server.stop();
        let left = records(&home, "audit.db").len();
        assert_eq!(
            left,
            match kept {
                None => 1,
                Some("180d") => 2,
                Some(_) => 1,
            },
            "{kept:?}"
        );
        let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
        assert!(verified.contains("nothing is missing"), "{verified}");
    }
}

#[test]
fn a_log_that_cannot_be_kept_is_told_at_once() {
    let home = Home::new();
    let serve = |log: &str| home.tiny(&["serve", "--port", "0", "--audit", log]).failure(1);
    assert!(serve("nowhere/audit.db").contains("nowhere"));
    assert!(serve("tiny.gguf").contains("no audit log"));
    std::fs::create_dir(home.path("folder")).unwrap();
    assert!(serve("folder").contains("folder"));
}

#[test]
fn a_damaged_log_and_a_foreign_model_are_named() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    for seed in 0..20 {
        server.post("/v1/completions", &body(seed));
    }
    server.stop();
    let whole = std::fs::read(home.path("audit.db")).unwrap();
    std::fs::write(home.path("cut.db"), &whole[..whole.len() / 2]).unwrap();
    std::fs::write(home.path("empty.db"), "").unwrap();
    for command in ["list", "verify", "export", "replay"] {
        let said = home.hefu(&["audit", command, "cut.db"]);
        assert!(said.status == 1 && said.stderr.contains("cut.db is damaged"), "{command}: {}", said.stderr);
        assert!(home.hefu(&["audit", command, "empty.db"]).failure(1).contains("it is empty"), "{command}");
    }
    assert!(home.tiny(&["serve", "--port", "0", "--audit", "cut.db"]).failure(1).contains("cut.db is damaged"));
    let unknown = home.hefu(&["audit", "replay", "audit.db"]).failure(1);
    assert!(unknown.contains("`tiny`") && unknown.contains("--model"), "{unknown}");
}

#[test]
fn a_batch_is_logged_and_its_answers_replayed() {
    let home = Home::new();
    let line =
        |id: u64| json!({"custom_id": id.to_string(), "method": "POST", "url": "/v1/completions", "body": body(id)});
    let lines: String = (0..5).map(|id| format!("{}\n", line(id))).collect();
    std::fs::write(home.path("in.jsonl"), lines).unwrap();
    let labelled = ["--label", "cn", "--label-producer", "somebody"];
    home.tiny(&[&["batch", "in.jsonl", "out.jsonl", "--audit", "audit.db"], &labelled[..]].concat()).success();
    assert_eq!(home.tiny(&["audit", "replay", "audit.db"]).success(), "5 of 5 answers match\n");
    let answers = std::fs::read_to_string(home.path("out.jsonl")).unwrap();
    let logged: Vec<Value> = records(&home, "audit.db");
    for line in answers.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let body = &answer["response"]["body"];
        let id = body["id"].as_str().unwrap().trim_start_matches("cmpl-");
        assert!(logged.iter().any(|record| record["id"] == id));
        assert_eq!(body["aigc"]["ProduceID"], id);
    }
}
