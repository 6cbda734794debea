//! A client that reads an answer to its end, and what counts of it.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How long a test waits for anything: far beyond what it takes.
const PATIENCE: Duration = Duration::from_secs(240);
/// Fields that differ from one answer to the next of the same request.
const OF_ONE_ANSWER: [&str; 7] = ["id", "created", "timings", "created_at", "completed_at", "call_id", "item_id"];

/// A status and a body.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.body))
    }

    /// The sentence of a refusal with this status.
    pub(crate) fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.body);
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// The JSON of what must succeed.
    pub(crate) fn success(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()
    }
}

/// Asks, and waits for the whole answer.
pub(crate) async fn ask(address: SocketAddr, method: &str, path: &str, key: Option<&str>, body: &str) -> Reply {
    let key = key.map_or_else(String::new, |key| format!("authorization: Bearer {key}\r\n"));
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{key}content-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // A server that refuses may close before it has read everything.
        let _ = stream.write_all(request.as_bytes()).await;
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        bytes
    };
    let bytes = tokio::time::timeout(PATIENCE, exchange).await.expect("an answer in time");
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let rest = bytes.get(at + 4..).unwrap_or_default();
    let body = if head.to_lowercase().contains("transfer-encoding: chunked") { unchunked(rest) } else { rest.to_vec() };
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Reply { status, head, body: String::from_utf8(body).unwrap() }
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(at) = bytes.windows(2).position(|two| two == b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..at]).unwrap(), 16).unwrap();
        body.extend_from_slice(&bytes[at + 2..at + 2 + length]);
        bytes = &bytes[at + 2 + length + 2..];
    }
    body
}

/// What must be the same, whoever computes it: of each choice all that came of it in order, and what is said of the whole.
pub(crate) fn essence(reply: &Reply) -> BTreeMap<String, Vec<Value>> {
    assert_eq!(reply.status, 200, "{}", reply.body);
    let mut essence: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let lines: Vec<&str> = reply.body.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let whole = [reply.body.as_str()];
    for text in if lines.is_empty() { &whole[..] } else { &lines[..] } {
        let mut value = if *text == "[DONE]" { json!("done") } else { serde_json::from_str(text).unwrap() };
        strip(&mut value);
        let choices = value.get("choices").and_then(Value::as_array).cloned().unwrap_or_default();
        match &choices[..] {
            [one] => essence.entry(one["index"].to_string()).or_default().push(value),
            _ => essence.entry("all".to_owned()).or_default().push(value),
        }
    }
    essence
}

/// Takes out what belongs to one answer alone.
fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            OF_ONE_ANSWER.iter().for_each(|name| drop(fields.remove(*name)));
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// Waits until something is so.
pub(crate) async fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "it never came to this: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
