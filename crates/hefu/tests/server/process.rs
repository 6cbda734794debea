//! A server process of its own for each test.

use crate::client::{PATIENCE, Reply, Stream, begin, connect, exchange, request};
use crate::tiny;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Positions of the tiny model here: enough for answers that last until a test ends them.
pub(crate) const CONTEXT: u32 = 32768;
/// Between two looks at something that is awaited.
const PAUSE: Duration = Duration::from_millis(5);

/// A folder with a tiny model in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// A server that answers; it is killed when this is dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) port: u16,
    log: PathBuf,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(home.model(), tiny::model_for(CONTEXT, true)).unwrap();
        home
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The tiny model's file.
    pub(crate) fn model(&self) -> PathBuf {
        self.path("tiny.gguf")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.prepared(env!("CARGO_BIN_EXE_hefu"));
        command.args(arguments);
        command
    }

    fn prepared(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("HEFU_HOME", self.path("home")).env("LC_ALL", "C").env_remove("HEFU_MODEL");
        // Nothing of these tests may reach out.
        command.env("HF_ENDPOINT", "http://127.0.0.1:1").current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// A server with the tiny model.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Server {
        let model = self.model();
        let always = ["--model", model.to_str().unwrap(), "--context", "32768", "--threads", "1"];
        self.serve_only(&[&always, arguments].concat())
    }

    /// A server with the tiny model, started after these words of a shell.
    pub(crate) fn serve_under(&self, shell: &str, arguments: &[&str]) -> Server {
        let model = self.model();
        let always =
            ["serve", "--port", "0", "--model", model.to_str().unwrap(), "--context", "32768", "--threads", "1"];
        let script = format!("{shell}; exec \"$0\" \"$@\"");
        let mut command = self.prepared("sh");
        command.args(["-c", &script, env!("CARGO_BIN_EXE_hefu")]).args(always).args(arguments);
        self.started(command)
    }

    /// A server with these arguments alone, on a port that is free unless they name one.
    pub(crate) fn serve_only(&self, arguments: &[&str]) -> Server {
        let port: &[&str] = if arguments.contains(&"--port") { &[] } else { &["--port", "0"] };
        self.started(self.command(&[&["serve"], port, arguments].concat()))
    }

    /// A class, and what is printed beside its address.
    pub(crate) fn learn_class(&self, arguments: &[&str]) -> (Server, [String; 2]) {
        let command = self.command(&[&["learn", "class", "--port", "0"], arguments].concat());
        let (server, mut out) = self.started_with(command);
        let lines = [(); 2].map(|()| {
            let mut line = String::new();
            out.read_line(&mut line).unwrap();
            line
        });
        (server, lines)
    }

    fn started(&self, command: Command) -> Server {
        self.started_with(command).0
    }

    /// A server, and what it goes on to print.
    fn started_with(&self, mut command: Command) -> (Server, BufReader<std::process::ChildStdout>) {
        let log = self.path(&format!("log-{}", std::fs::read_dir(self.folder.path()).unwrap().count()));
        command.stdout(Stdio::piped()).stderr(std::fs::File::create(&log).unwrap());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().and_then(|rest| rest.split('/').next()?.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no address: {line}{}", std::fs::read_to_string(&log).unwrap()));
        (Server { child, port, log }, out)
    }
}

impl Server {
    /// True if the server says that it is stopping. A connection closed in the moment of the signal says nothing.
    pub(crate) fn is_stopping(&self) -> bool {
        exchange(self.port, &request("GET", "/ready", "", b"")).is_ok_and(|reply| reply.status == 503)
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        exchange(self.port, &request("GET", path, "", b"")).unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        exchange(self.port, &request("POST", path, "", body.to_string().as_bytes())).unwrap()
    }

    /// A completion of the prompt `one two`, with these fields instead of or beside the usual ones.
    pub(crate) fn complete(&self, fields: &Value) -> Reply {
        self.post("/v1/completions", &completion(fields))
    }

    /// The same as a stream, of which only the head has been read.
    pub(crate) fn stream(&self, fields: &Value) -> Stream {
        let mut body = completion(fields);
        body["stream"] = json!(true);
        let mut stream = connect(self.port);
        stream.write_all(&request("POST", "/v1/completions", "", body.to_string().as_bytes())).unwrap();
        begin(stream).unwrap()
    }

    /// Work of the one model.
    pub(crate) fn slot(&self) -> Value {
        self.get("/slots").success()[0].clone()
    }

    /// Waits until a model does what is expected of it.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) {
        eventually(what, || is_so(&self.slot()));
    }

    /// Waits until nothing runs or waits and no page is held.
    pub(crate) fn until_idle(&self) {
        self.until("nothing runs and no page is held", |slot| {
            slot["running"] == 0 && slot["waiting"] == 0 && slot["pages"]["used"] == 0
        });
    }

    /// A number of `/metrics`; 0 where it is not.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = self.get("/metrics");
        let line = metrics.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.trim().parse().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; the exit status.
    pub(crate) fn ended(&mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < PATIENCE, "the server does not end\n{}", self.log());
            std::thread::sleep(PAUSE);
        }
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Number of its open files and connections.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(self.proc("fd")).unwrap().count()
    }

    /// Its resident memory in KiB.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A panic anywhere in the server is a fault, whatever the client saw of it.
        if !std::thread::panicking() {
            assert!(!self.log().contains("panicked"), "{}", self.log());
        }
    }
}

fn completion(fields: &Value) -> Value {
    let mut body = json!({"prompt": "one two", "max_tokens": 16, "temperature": 1, "seed": 7, "ignore_eos": true});
    for (name, value) in fields.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "it never came to this: {what}");
        std::thread::sleep(PAUSE);
    }
}
