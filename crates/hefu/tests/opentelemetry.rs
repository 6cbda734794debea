//! Traces of answers, as a collector receives them.

#[path = "program/tiny.rs"]
mod tiny;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

const TRACE: [u8; 16] =
    [0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36];
const PARENT: [u8; 8] = [0x00, 0xf0, 0x67, 0xaa, 0x0b, 0xa9, 0x02, 0xb7];

/// One HTTP message: its first line and headers, and its body.
fn message(stream: &mut BufReader<TcpStream>) -> (String, Vec<u8>) {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
        head += &line;
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn serve(folder: &std::path::Path, collector: &str) -> (Child, String) {
    let model = folder.join("tiny.gguf");
    std::fs::write(&model, tiny::model(true)).unwrap();
    let mut server = Command::new(env!("CARGO_BIN_EXE_hefu"))
        .args(["serve", "--port", "0", "--quiet", "--otlp-endpoint", collector, "--model"])
        .arg(&model)
        .env("HEFU_HOME", folder)
        .env_remove("HEFU_MODEL")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    (server, address)
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

#[test]
fn an_answer_is_one_trace_under_its_caller_and_holds_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let (mut server, address) = serve(folder.path(), &format!("http://{}", collector.local_addr().unwrap()));

    let body = r#"{"prompt": "unmistakable", "max_tokens": 5, "ignore_eos": true}"#;
    let mut stream = TcpStream::connect(&address).unwrap();
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = format!(
        "POST /v1/completions HTTP/1.1\r\nhost: {address}\r\ntraceparent: {parent}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let (head, answer) = message(&mut BufReader::new(stream));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}{}", String::from_utf8_lossy(&answer));

    let (sent, _) = collector.accept().unwrap();
    let mut sent = BufReader::new(sent);
    let (head, spans) = message(&mut sent);
    sent.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
    server.kill().unwrap();
    server.wait().unwrap();

    assert!(head.starts_with("POST /v1/traces"), "{head}");
    // Protobuf keeps strings and ids as the bytes that they are.
    for part in ["chat ", "queue", "prefill", "decode", "gen_ai.usage.output_tokens", "hefu.fingerprint"] {
        assert!(contains(&spans, part.as_bytes()), "{part}");
    }
    assert!(contains(&spans, &TRACE) && contains(&spans, &PARENT));
    assert!(!contains(&spans, b"unmistakable"));
}
