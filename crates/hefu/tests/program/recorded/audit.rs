//! The log of answers: what is in it, what is stored, replaying it, and batches.

use super::server::{Server, dialects};
use crate::support::Home;
use serde_json::{Value, json};

/// The records of a type: each as it is listed, and what it says.
fn records_of(home: &Home, log: &str, kind: &str) -> Vec<(Value, Value)> {
    let listed = home.hefu(&["audit", "list", log, "--json", "--type", kind]).success();
    let rows = listed.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    rows.map(|row| (row.clone(), row["content"].clone())).collect()
}

pub(super) fn records(home: &Home, log: &str) -> Vec<(Value, Value)> {
    records_of(home, log, "answer")
}

/// The events of a log, by their names.
fn events(home: &Home, log: &str) -> Vec<String> {
    let events = records_of(home, log, "event").into_iter();
    events.map(|(_, content)| content["event"].as_str().unwrap().to_owned()).collect()
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
        records(&home, "audit.db").iter().map(|(row, _)| row["id"].as_str().unwrap().to_owned()).collect();
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
        let (row, record) = records(&home, &log).remove(0);
        let text = reply.json()["choices"][0]["text"].clone();
        assert_eq!(record["text"], if store == "text" { text } else { Value::Null }, "{store}");
        assert_eq!(record["receipt"], if store == "hashes" { Value::Null } else { receipt.json() }, "{store}");
        // The settings that it was made with are there in any case, and when it began.
        let text = reply.json()["choices"][0]["text"].as_str().unwrap().to_owned();
        assert_eq!(record["text_digest"], sha256(text.as_bytes()), "{store}");
        assert!(record["started"].as_u64().unwrap() <= row["time"].as_u64().unwrap(), "{store}");
        assert_eq!(record["template_digest"], Value::Null, "a prompt that is given as it is");
        assert_eq!(record["receipt_digest"], receipt.json()["digest"], "{store}");
        // The receipt that the client took shows that it is the one of the record.
        std::fs::write(home.path("receipt.json"), &receipt.body).unwrap();
        home.tiny(&["verify", "receipt.json"]).success();
    }
    let wrong = home.tiny(&["serve", "--audit", "x.db", "--audit-store", "all"]).failure(2);
    assert!(wrong.contains("ids, text, hashes"), "{wrong}");
    assert!(home.tiny(&["serve", "--audit-store", "text"]).failure(2).contains("--audit"));
    assert!(home.tiny(&["serve", "--audit", "x.db", "--audit-keep", "6"]).failure(2).contains("6months"));
}

fn sha256(bytes: &[u8]) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_happens_beside_answers_is_logged() {
    let home = Home::new();
    home.hefu(&["key", "add", "phone"]).success();
    let key = home.hefu(&["key", "add", "desk"]).success();
    let server = Server::start(&home, &["--audit", "audit.db", "--require-key"]);
    let bearer = format!("Bearer {}", key.trim());
    let chat = json!({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 3, "stop": ["zz"]});
    let reply = server.client().post("/v1/chat/completions", &chat, &[("authorization", &bearer)]).unwrap();
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(server.get("/v1/models").status, 401);
    home.hefu(&["key", "revoke", "phone"]).success();
    // The file of keys is looked at once a second at most.
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(server.client().get("/v1/models", &[("authorization", &bearer)]).status, 200);
    server.stop();
    let found = events(&home, "audit.db");
    for event in ["start", "model_loaded", "keys_changed", "refusals", "stop"] {
        assert!(found.iter().any(|found| found == event), "{event} in {found:?}");
    }
    let of = |event: &str| {
        let all = records_of(&home, "audit.db", "event").into_iter();
        all.map(|(_, content)| content).find(|content| content["event"] == event).unwrap()["details"].clone()
    };
    assert_eq!((&of("start")["selftest"], &of("keys_changed")["revoked"]), (&json!("conforms"), &json!(["phone"])));
    let refusal = json!({"status": 401, "client": "", "endpoint": "/v1/models", "count": 1});
    assert_eq!(of("refusals")["requests"], json!([refusal]));
    // Template and stop strings are known by their digests.
    let (row, answer) = records(&home, "audit.db").remove(0);
    let template = home.hefu(&["show", "tiny.gguf", "--print-template"]).success();
    assert_eq!(answer["template_digest"], sha256(template.as_bytes()));
    assert_eq!(answer["stop_digest"], sha256(b"[\"zz\"]"));
    assert_eq!((&answer["client"], &row["type"]), (&json!("desk"), &json!("answer")));
    let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(verified.contains("1 of them of answers"), "{verified}");
}

#[test]
fn an_answer_is_judged_and_taken_away_and_the_log_still_fits() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db", "--audit-store", "text"]);
    let reply = server.post("/v1/completions", &body(1));
    let other = server.post("/v1/completions", &body(2));
    let third = server.post("/v1/completions", &body(3));
    // While the server writes, it does what is asked for.
    let said = ["--verdict", "accepted", "--by", "A. Reviewer"];
    // The id is the record's, or as the answer gave it.
    let id = third.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(id, format!("cmpl-{}", third.id));
    home.hefu(&[&["audit", "annotate", "audit.db", &id], &said[..]].concat()).success();
    assert!(home.hefu(&["audit", "show", "audit.db", &id]).success().contains(&third.id));
    assert_eq!(server.get(&format!("/v1/receipts/{}", third.id)).status, 200);
    let unknown = home.hefu(&["audit", "redact", "audit.db", "nobody", "--reason", "x"]).failure(1);
    assert!(unknown.contains("no record nobody"), "{unknown}");
    home.hefu(&["audit", "redact", "audit.db", &id, "--reason", "x"]).success();
    assert_ne!(server.get(&format!("/v1/receipts/{}", third.id)).status, 200);
    assert_eq!(server.post("/v1/completions", &body(4)).status, 200);
    let busy = home.hefu(&["audit", "prune", "audit.db", "--before", "2000-01-01"]).failure(1);
    assert!(busy.contains("another program is writing"), "{busy}");
    server.stop();
    assert!(!home.path("audit.db.orders").exists());
    let judge = |id: &str, verdict: &str| {
        home.hefu(&["audit", "annotate", "audit.db", id, "--verdict", verdict, "--by", "A. Reviewer", "--note", "no"])
    };
    judge(&reply.id, "overruled").success();
    assert!(judge("nobody", "accepted").failure(1).contains("no record nobody"));
    assert!(judge(&reply.id, "liked").failure(2).contains("accepted, corrected, overruled"));
    let (_, annotated) = records_of(&home, "audit.db", "annotation").remove(1);
    assert_eq!(annotated["annotation"]["of"], reply.id);
    assert_eq!(annotated["annotation"]["verdict"], "overruled");
    home.hefu(&["audit", "redact", "audit.db", &reply.id, "--reason", "its user asked for it"]).success();
    let gone = home.hefu(&["audit", "redact", "audit.db", &reply.id, "--reason", "again"]).failure(1);
    assert!(gone.contains("no record"), "{gone}");
    let shown = home.hefu(&["audit", "show", "audit.db", &reply.id]).json();
    assert_eq!((&shown["content"], &shown["id"]), (&Value::Null, &json!(reply.id)));
    let verified = home.hefu(&["audit", "verify", "audit.db"]).success();
    assert!(verified.contains("2 redacted") && verified.contains("nothing is missing"), "{verified}");
    let replayed = home.tiny(&["audit", "replay", "audit.db"]);
    assert!(replayed.stdout.contains("2 of 4 answers match"), "{}", replayed.stdout);
    assert!(home.hefu(&["audit", "show", "audit.db", &other.id, "--receipt"]).success().contains("\"answer\""));
}

/// An authority on this machine that answers every question in the same way.
fn authority(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 4096];
        // The question follows its head, and has 67 bytes.
        let question = loop {
            let count = stream.read(&mut buffer).unwrap();
            seen.extend_from_slice(&buffer[..count]);
            let head = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n").map(|at| at + 4);
            if let Some(question) = head.and_then(|head| seen.get(head..)).filter(|question| question.len() >= 67) {
                break question.to_vec();
            }
        };
        let body = answer(&question);
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        stream.write_all(&[head.into_bytes(), body].concat()).unwrap();
    });
    url
}

#[test]
fn an_authority_that_stamps_something_else_is_not_believed() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    server.post("/v1/completions", &body(1));
    server.stop();
    let stamp = |flag: &str, value: &str| home.hefu(&["audit", "stamp", "audit.db", flag, value]);
    stamp("--request", "question.tsq").success();
    let question = std::fs::read(home.path("question.tsq")).unwrap();
    // RFC 3161: a sequence whose first element is the version 1.
    assert_eq!((question.len(), &question[..5]), (67, &[0x30, 65, 2, 1, 1][..]));
    let refused = stamp("--authority", &authority(|_| vec![0x30, 5, 0x30, 3, 2, 1, 2])).failure(1);
    assert!(refused.contains("grants no time stamp"), "{refused}");
    let page = stamp("--authority", &authority(|_| b"<html>".to_vec())).failure(1);
    assert!(page.contains("no answer of a time-stamping authority"), "{page}");
    assert!(stamp("--authority", "ftp://x").failure(2).contains("http://"));
    assert!(stamp("--authority", "http://127.0.0.1:1/").failure(1).contains("cannot be asked"));
    std::fs::write(home.path("answer.tsr"), "nothing").unwrap();
    assert!(stamp("--response", "answer.tsr").failure(1).contains("time-stamping authority"));
    assert!(home.hefu(&["audit", "stamp", "audit.db"]).failure(2).contains("--authority"));
    assert!(stamp("--export", "1").failure(1).contains("no time stamp"));
}

#[cfg(unix)]
#[test]
fn a_log_that_is_taken_away_stops_answers_before_they_are_computed() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    assert_eq!(server.post("/v1/completions", &body(1)).status, 200);
    let (log, away) = (home.path("audit.db"), home.path("audit.db.1"));
    std::fs::rename(&log, &away).unwrap();
    let refused = server.post("/v1/completions", &body(2));
    assert_eq!((refused.status, server.get("/ready").status), (503, 503));
    assert!(refused.sentence().contains("removed or renamed"), "{}", refused.sentence());
    assert!(!log.exists());
    std::fs::rename(&away, &log).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1200));
    assert_eq!(server.post("/v1/completions", &body(3)).status, 200);
    server.stop();
    assert_eq!(records(&home, "audit.db").len(), 2);
    home.hefu(&["audit", "verify", "audit.db"]).success();
}

#[test]
fn keys_that_cannot_be_read_stop_nobody_who_needs_none() {
    let home = Home::new();
    std::fs::create_dir_all(home.path("home/keys.json")).unwrap();
    let server = Server::start(&home, &[]);
    assert_eq!(server.post("/v1/completions", &body(1)).status, 200);
    server.stop();
    assert!(home.tiny(&["serve", "--port", "0", "--require-key"]).failure(1).contains("keys.json"));
    assert!(home.tiny(&["serve", "--port", "0", "--keys", "home/keys.json"]).failure(1).contains("keys.json"));
}

#[test]
fn no_text_of_a_log_controls_the_terminal() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    let reply = server.client().post("/v1/completions", &body(1), &[("x-request-id", "plain")]).unwrap();
    server.stop();
    home.hefu(&[
        "audit",
        "annotate",
        "audit.db",
        &reply.id,
        "--verdict",
        "accepted",
        "--by",
        "a\u{1b}]0;x\u{7}\nb\u{9b}",
    ])
    .success();
    for arguments in [&["audit", "list", "audit.db"][..], &["audit", "list", "audit.db", "--json"]] {
        let shown = home.hefu(arguments).success();
        assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
        assert!(shown.contains("u{1b}") || shown.contains("u001b"), "{shown}");
    }
    let missing = home.hefu(&["show", "a\u{1b}[2Jb.gguf"]).failure(1);
    assert!(!missing.contains('\u{1b}') && missing.contains("\\u{1b}"), "{missing}");
}

#[test]
fn what_is_old_enough_goes_when_the_log_is_opened() {
    let home = Home::new();
    for kept in [None, Some("6months"), Some("0h")] {
        let keep = kept.map_or(vec![], |time| vec!["--audit-keep", time]);
        let server = Server::start(&home, &[&["--audit", "audit.db"], &keep[..]].concat());
        server.post("/v1/completions", &body(1));
        server.stop();
        let left = records(&home, "audit.db").len();
        assert_eq!(
            left,
            match kept {
                None => 1,
                Some("6months") => 2,
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
fn a_replay_of_nothing_is_no_success() {
    let home = Home::new();
    let server = Server::start(&home, &["--audit", "audit.db"]);
    for seed in 0..3 {
        server.post("/v1/completions", &body(seed));
    }
    server.stop();
    let none = home.tiny(&["audit", "replay", "audit.db", "--since", "2100-01-01"]);
    assert!(none.status == 1 && none.stderr.contains("nothing was examined"), "{}", none.stderr);
    // Types as rows hold them, each before its id.
    let mut bytes = std::fs::read(home.path("audit.db")).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 8).filter(|at| bytes[*at..].starts_with(b"answer01")).collect();
    assert!(places.len() >= 3);
    let hide = |bytes: &mut [u8], places: &[usize]| places.iter().for_each(|at| bytes[*at + 5] = b'x');
    hide(&mut bytes, &places[..1]);
    std::fs::write(home.path("some.db"), &bytes).unwrap();
    hide(&mut bytes, &places);
    std::fs::write(home.path("all.db"), &bytes).unwrap();
    for log in ["some.db", "all.db"] {
        let changed = home.tiny(&["audit", "replay", log]);
        assert_eq!(changed.status, 1, "{}{}", changed.stdout, changed.stderr);
        assert!(changed.stderr.contains(&format!("{log} was changed")), "{}", changed.stderr);
        assert!(changed.stdout.contains("problem: "), "{}", changed.stdout);
    }
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
    let logged: Vec<Value> = records(&home, "audit.db").into_iter().map(|(row, _)| row).collect();
    for line in answers.lines() {
        let answer: Value = serde_json::from_str(line).unwrap();
        let body = &answer["response"]["body"];
        let id = body["id"].as_str().unwrap().trim_start_matches("cmpl-");
        assert!(logged.iter().any(|record| record["id"] == id));
        assert_eq!(body["aigc"]["ProduceID"], id);
    }
}
