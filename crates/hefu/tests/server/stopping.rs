//! The end of a server, in order and out of it.

use crate::process::{Home, eventually};
use rustix::process::Signal;
use serde_json::json;

fn is_complete(rest: &[u8]) -> bool {
    String::from_utf8_lossy(rest).ends_with("data: [DONE]\n\n")
}

#[test]
fn running_answers_finish_new_ones_are_turned_away_and_the_status_is_0() {
    let home = Home::new();
    let mut server = home.serve(&["--drain-seconds", "200", "--max-running", "3"]);
    let idle = crate::client::connect(server.port);
    let mut streams: Vec<_> = (0..6).map(|seed| server.stream(&json!({"max_tokens": 6000, "seed": seed}))).collect();
    streams[0].until_text();
    server.signal(Signal::TERM);
    // Three run, three wait: all of them were taken.
    eventually("the server is not ready any more", || server.is_stopping());
    assert_eq!(server.get("/health").status, 200);
    let refused = server.complete(&json!({}));
    assert!(refused.refusal(503).contains("stopping"));
    for (seed, stream) in streams.iter_mut().enumerate() {
        assert!(is_complete(&stream.rest().unwrap()), "{seed}");
    }
    assert_eq!(server.ended(), Some(0));
    drop(idle);
}

#[test]
fn answers_that_do_not_finish_in_time_are_given_up() {
    let home = Home::new();
    let mut server = home.serve(&["--drain-seconds", "1"]);
    let mut stream = server.stream(&json!({"max_tokens": 30000, "n": 8}));
    stream.until_text();
    server.signal(Signal::TERM);
    assert!(!stream.rest().is_ok_and(|rest| is_complete(&rest)));
    assert_eq!(server.ended(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let home = Home::new();
    let mut server = home.serve(&["--drain-seconds", "100000"]);
    let mut stream = server.stream(&json!({"max_tokens": 30000, "n": 8}));
    stream.until_text();
    server.signal(Signal::TERM);
    eventually("the first signal has come", || server.is_stopping());
    server.signal(Signal::INT);
    assert_eq!(server.ended(), Some(1));
}

#[test]
fn an_idle_server_ends_at_once_whatever_connections_there_are() {
    let home = Home::new();
    let mut server = home.serve(&["--drain-seconds", "100000", "--read-seconds", "100000"]);
    let idle: Vec<_> = (0..10).map(|_| crate::client::connect(server.port)).collect();
    server.complete(&json!({})).success();
    server.signal(Signal::INT);
    assert_eq!(server.ended(), Some(0));
    drop(idle);
}

#[test]
fn after_a_kill_the_port_is_free_at_once_and_answers_are_the_same() {
    let home = Home::new();
    let mut server = home.serve(&[]);
    let port = server.port.to_string();
    let expected = server.complete(&json!({"max_tokens": 200, "logprobs": 2})).success();
    for _ in 0..3 {
        // In the middle of answers, with connections open on both sides.
        let mut streams: Vec<_> =
            (0..4).map(|seed| server.stream(&json!({"max_tokens": 30000, "seed": seed}))).collect();
        streams[3].until_text();
        server.signal(Signal::KILL);
        server.ended();
        assert!(streams.iter_mut().all(|stream| stream.rest().is_err()));
        server = home.serve(&["--port", &port]);
        let answer = server.complete(&json!({"max_tokens": 200, "logprobs": 2})).success();
        assert_eq!(answer["choices"], expected["choices"]);
        assert_eq!(answer["system_fingerprint"], expected["system_fingerprint"]);
    }
}
