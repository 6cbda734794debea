//! A server in a process of its own, and what is asked of it.

use crate::support::Home;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Time after which a test gives up: far beyond what anything takes.
const PATIENCE: Duration = Duration::from_secs(120);

/// A server; ended when it is dropped.
pub(super) struct Server {
    child: Child,
    address: String,
    agent: ureq::Agent,
}

/// A response.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// The answer's id, from the header.
    pub(super) id: String,
    /// The label, from the header.
    pub(super) aigc: Option<String>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The sentence of an error in the form of the OpenAI API.
    pub(super) fn sentence(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }
}

impl Server {
    /// Starts `hefu serve` with the tiny model.
    pub(super) fn start(home: &Home, arguments: &[&str]) -> Server {
        let model = home.model();
        Self::of(home, &[arguments, &["--model", model.to_str().unwrap()]].concat())
    }

    /// Starts `hefu serve`; it must come to listen.
    pub(super) fn of(home: &Home, arguments: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hefu"));
        command.args(["serve", "--port", "0", "--threads", "1"]).args(arguments);
        Self::run(home, command)
    }

    /// Runs a command that becomes a server. Its log is in the file `serve.log`.
    pub(super) fn run(home: &Home, mut command: Command) -> Server {
        command.env("HEFU_HOME", home.path("home")).env_remove("HEFU_MODEL").current_dir(home.path(""));
        let log = File::options().create(true).append(true).open(home.path("serve.log")).unwrap();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().last();
        let Some(address) = address else {
            panic!("the server does not listen: {}", std::fs::read_to_string(home.path("serve.log")).unwrap())
        };
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(0)
            .build();
        Server { child, address: address.to_owned(), agent: agent.into() }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client for another thread.
    pub(super) fn client(&self) -> Client {
        Client { address: self.address.clone(), agent: self.agent.clone() }
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Reply {
        self.client().post(path, body, &[]).unwrap()
    }

    pub(super) fn get(&self, path: &str) -> Reply {
        self.client().get(path, &[])
    }

    /// Kills it as `kill -9` does.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends it as an operator does, and waits until it has.
    pub(super) fn stop(mut self) {
        let told = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(told.success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks a server.
#[derive(Clone)]
pub(super) struct Client {
    address: String,
    agent: ureq::Agent,
}

impl Client {
    /// The whole response, or `None` if it broke off.
    pub(super) fn post(&self, path: &str, body: &Value, headers: &[(&str, &str)]) -> Option<Reply> {
        let request = self.agent.post(format!("{}{path}", self.address)).content_type("application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        reply(request.send(body.to_string()).ok()?)
    }

    /// Host and port.
    pub(super) fn authority(&self) -> String {
        self.address.trim_start_matches("http://").to_owned()
    }

    pub(super) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let request = self.agent.get(format!("{}{path}", self.address));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        reply(request.call().unwrap()).unwrap()
    }
}

fn reply(mut response: ureq::http::Response<ureq::Body>) -> Option<Reply> {
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (id, aigc) = (header("x-hefu-answer-id").unwrap_or_default(), header("x-hefu-aigc"));
    let body = response.body_mut().read_to_string().ok()?;
    Some(Reply { status: response.status().as_u16(), id, aigc, body })
}

/// One request to each endpoint that answers, whole and streamed: a name, the path and the body.
pub(super) fn dialects() -> Vec<(String, &'static str, Value)> {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let sampled = json!({"temperature": 1.2, "seed": 7});
    let all = [
        ("chat", "/v1/chat/completions", json!({"messages": messages, "max_tokens": 12})),
        ("completions", "/v1/completions", json!({"prompt": "one two", "max_tokens": 12})),
        ("responses", "/v1/responses", json!({"input": "hi", "max_output_tokens": 12})),
        ("messages", "/v1/messages", json!({"messages": messages, "max_tokens": 12})),
        ("ollama chat", "/api/chat", json!({"messages": messages, "options": {"num_predict": 12, "seed": 7}})),
        ("ollama generate", "/api/generate", json!({"prompt": "hi", "options": {"num_predict": 12, "seed": 7}})),
    ];
    let mut requests = Vec::new();
    for (name, path, body) in all {
        for is_streaming in [false, true] {
            let mut body = body.clone();
            if path.starts_with("/v1") {
                body.as_object_mut().unwrap().extend(sampled.as_object().unwrap().clone());
            }
            body["stream"] = json!(is_streaming);
            let name = format!("{name}, {}", if is_streaming { "streamed" } else { "whole" });
            requests.push((name, path, body));
        }
    }
    requests
}
