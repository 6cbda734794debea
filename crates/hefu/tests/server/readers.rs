//! Clients that go away, or do not read.

use crate::client::{begin, connect, request};
use crate::process::{Home, eventually};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::Shutdown;

/// An answer that goes on until somebody ends it, with much to send for each token.
fn endless() -> Value {
    json!({"max_tokens": 30000, "logprobs": 20})
}

#[test]
fn a_client_that_goes_away_gives_its_place_and_pages_back() {
    let home = Home::new();
    let server = home.serve(&["--max-running", "2", "--no-prefix-reuse"]);
    for is_streaming in [true, false] {
        let mut body = json!({"prompt": "a", "max_tokens": 30000, "ignore_eos": true, "n": 4});
        body["stream"] = json!(is_streaming);
        let mut stream = connect(server.port);
        stream.write_all(&request("POST", "/v1/completions", "", body.to_string().as_bytes())).unwrap();
        // Two of its choices run, two wait.
        server.until("all places are taken", |slot| slot["running"] == 2 && slot["waiting"] == 2);
        if is_streaming {
            let mut stream = begin(stream).unwrap();
            stream.until_text();
        } else {
            drop(stream);
        }
        server.until_idle();
    }
    let slot = server.slot();
    assert_eq!(slot["pages"], json!({"all": slot["pages"]["all"], "used": 0, "cached": 0}));
    // One that only says that it will send nothing more still gets its answer.
    let body = json!({"prompt": "a", "max_tokens": 4}).to_string();
    let mut stream = connect(server.port);
    stream.write_all(&request("POST", "/v1/completions", "", body.as_bytes())).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") || answer.is_empty(), "{answer}");
    server.until_idle();
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_and_loses_its_answer() {
    let home = Home::new();
    let server = home.serve(&["--stall-seconds", "1"]);
    let stalled = server.stream(&endless());
    assert_eq!(stalled.status, 200);
    // Others are answered all the while.
    let mut others = 0;
    eventually("the one that does not read is given up", || {
        server.complete(&json!({"max_tokens": 4})).success();
        others += 1;
        server.slot()["running"] == 0
    });
    assert!(others > 1, "{others}");
    server.until_idle();
    // It finds its answer cut off.
    let mut stalled = stalled;
    assert!(stalled.rest().is_err(), "the answer is complete");
    // The same answer goes to somebody who reads slowly, but reads.
    let mut slow = server.stream(&json!({"max_tokens": 300, "logprobs": 20}));
    let mut pieces = 0;
    while slow.piece().unwrap().is_some() {
        pieces += 1;
        if pieces % 100 == 0 {
            server.complete(&json!({"max_tokens": 1})).success();
        }
    }
    assert!(pieces > 100, "{pieces}");
}

#[test]
fn a_whole_answer_that_is_not_read_does_not_keep_its_connection() {
    let home = Home::new();
    let server = home.serve(&["--stall-seconds", "1", "--max-connections", "2"]);
    let before = server.open_files();
    let body = json!({"prompt": "a", "max_tokens": 2000, "ignore_eos": true, "n": 16, "logprobs": 20}).to_string();
    let mut stream = connect(server.port);
    stream.write_all(&request("POST", "/v1/completions", "", body.as_bytes())).unwrap();
    server.until("it is computed", |slot| slot["answer_tokens"] == 16 * 2000);
    server.until_idle();
    // It is more than all buffers between the two take, so that its connection stays open until it is given up.
    eventually("its connection is closed", || server.open_files() <= before);
    let mut rest = Vec::new();
    assert!(stream.read_to_end(&mut rest).is_err() || !rest.ends_with(b"}"), "all of it was sent");
}

#[test]
fn hundreds_of_answers_given_up_leave_nothing_behind() {
    let home = Home::new();
    let server = home.serve(&[]);
    let unused = server.open_files();
    let abort = |times: usize| {
        for time in 0..times {
            let mut stream = server.stream(&json!({"max_tokens": 30000, "prompt": format!("{time} and on")}));
            if time % 2 == 0 {
                stream.until_text();
            }
        }
        // Connections are taken in order: once this one is, all of the others have been, and end when they are noticed
        // to be closed. Only then can no request of theirs begin any more.
        server.complete(&json!({"max_tokens": 1})).success();
        eventually("as few files are open as before", || server.open_files() <= unused + 2);
        server.until_idle();
    };
    abort(100);
    let memory = server.resident();
    abort(400);
    // 400 answers, each of which would hold more than 64 KiB if its pieces, its tokens or its task stayed.
    let grown = server.resident().saturating_sub(memory);
    assert!(grown < 400 * 64, "{grown} KiB more than after the first hundred");
    let cancelled = server.slot();
    assert_eq!((&cancelled["running"], &cancelled["waiting"]), (&json!(0), &json!(0)));
}
