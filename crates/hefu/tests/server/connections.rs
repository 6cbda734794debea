//! More connections than anybody needs.

use crate::client::{begin, connect, request};
use crate::process::{Home, eventually};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

const MANY: usize = 1000;

/// Lets this process hold both sides of many connections; false where the system does not.
fn allow_many() -> bool {
    let limit = getrlimit(Resource::Nofile);
    let wanted = (MANY as u64 + 500).max(limit.current.unwrap_or(u64::MAX));
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum }).is_ok();
    if !is_raised {
        eprintln!("SKIPPED: this system does not allow {wanted} open files");
    }
    is_raised
}

fn ask(stream: &mut TcpStream, number: usize) {
    let body = json!({"prompt": format!("{number}"), "max_tokens": 2, "temperature": 0}).to_string();
    stream.write_all(&request("POST", "/v1/completions", "", body.as_bytes())).unwrap();
}

#[test]
fn a_thousand_connections_at_once_are_all_answered() {
    let home = Home::new();
    if !allow_many() {
        return;
    }
    // A usual soft limit, below what is needed: the server raises it.
    let server = home.serve_under("ulimit -Sn 256", &[]);
    let mut streams: Vec<TcpStream> = (0..MANY).map(|_| connect(server.port)).collect();
    eventually("all are accepted", || server.open_files() > MANY);
    // Those that ask nothing hold nobody up.
    let alone = server.post("/v1/completions", &json!({"prompt": "5", "max_tokens": 2, "temperature": 0})).success();
    streams.iter_mut().enumerate().for_each(|(number, stream)| ask(stream, number));
    for (number, stream) in streams.into_iter().enumerate() {
        let mut answer = begin(stream).unwrap();
        assert_eq!(answer.status, 200, "{number}");
        let answer: serde_json::Value = serde_json::from_slice(&answer.rest().unwrap()).unwrap();
        assert!(number != 5 || answer["choices"] == alone["choices"]);
    }
    eventually("all are closed", || server.open_files() < 100);
    server.until_idle();
}

#[test]
fn where_the_system_allows_few_files_the_server_says_so_and_idle_connections_make_room() {
    let home = Home::new();
    if !allow_many() {
        return;
    }
    let server = home.serve_under("ulimit -n 128", &["--read-seconds", "100000"]);
    assert!(server.log().contains("ulimit"), "{}", server.log());
    let mut streams: Vec<TcpStream> = (0..MANY).map(|_| connect(server.port)).collect();
    let last = server.complete(&json!({"max_tokens": 2})).success();
    assert_eq!(last["usage"]["completion_tokens"], 2);
    // The one that has waited longest was closed.
    let mut rest = Vec::new();
    let closed = streams[0].read_to_end(&mut rest);
    assert!(closed.is_err() || rest.is_empty());
    assert!(server.open_files() <= 128);
    assert!(!server.log().contains("not accepted"), "{}", server.log());
}

#[test]
fn connections_with_an_answer_under_way_are_never_closed_to_make_room() {
    let home = Home::new();
    let server = home.serve_only(&[
        "--model",
        home.model().to_str().unwrap(),
        "--context",
        "32768",
        "--threads",
        "1",
        "--max-connections",
        "3",
        "--read-seconds",
        "100000",
    ]);
    let mut first = server.stream(&json!({"max_tokens": 3000}));
    let mut second = server.stream(&json!({"max_tokens": 3000, "seed": 8}));
    first.until_text();
    second.until_text();
    let idle: Vec<TcpStream> = (0..20).map(|_| connect(server.port)).collect();
    for _ in 0..5 {
        server.complete(&json!({"max_tokens": 1})).success();
    }
    drop(idle);
    for stream in [&mut first, &mut second] {
        let rest = String::from_utf8(stream.rest().unwrap()).unwrap();
        assert!(rest.ends_with("data: [DONE]\n\n"), "{rest}");
    }
}

#[test]
fn one_connection_takes_one_request_after_another() {
    let home = Home::new();
    let server = home.serve(&[]);
    let mut stream = connect(server.port);
    for number in 0..50 {
        let body = json!({"prompt": format!("{number}"), "max_tokens": 1}).to_string();
        let head =
            format!("POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        // Read with care: what belongs to the next answer must not be taken.
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        let head = String::from_utf8(answer).unwrap().to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap().parse().unwrap();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
    }
}
