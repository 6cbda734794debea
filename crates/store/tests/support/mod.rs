//! An HTTP server for tests: bounded, on this machine, with the faults that real servers have.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its own part of this")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use hefu_store::{Catalogue, Digest, Flow, Network, Notice, Phase, Progress, PullOptions, Store};
use tempfile::TempDir;

/// A request as the server saw it: path and headers, with names in lower case.
#[derive(Debug, Clone)]
pub struct Seen {
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// N of `Range: bytes=N-`.
    pub fn range_start(&self) -> Option<usize> {
        let range = self.header("range")?.strip_prefix("bytes=")?;
        range.strip_suffix('-')?.parse().ok()
    }
}

type Handler = dyn Fn(&Seen, usize, &mut TcpStream) + Send + Sync;

/// A server that answers each connection's one request by a function of the request and its number.
pub struct Server {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start(handler: impl Fn(&Seen, usize, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let handler: Arc<Handler> = Arc::new(handler);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (all, stopped) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut connections = Vec::new();
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (handler, all) = (Arc::clone(&handler), Arc::clone(&all));
                let stream = stream.unwrap();
                connections.push(std::thread::spawn(move || answer(stream, &*handler, &all)));
            }
            for connection in connections {
                connection.join().unwrap();
            }
        });
        Self { url, seen, stop, thread: Some(thread) }
    }

    /// A server that gives the same file to every request, honouring ranges.
    pub fn of(file: Vec<u8>) -> Self {
        Self::start(move |request, _, stream| serve(&file, request, "\"v1\"", stream))
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, handler: &Handler, all: &Mutex<Vec<Seen>>) {
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).unwrap();
    stream.set_write_timeout(patience).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    for line in lines.map_while(Result::ok) {
        let Some((name, value)) = line.split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let request = Seen { path, headers };
    let number = {
        let mut all = all.lock().unwrap();
        all.push(request.clone());
        all.len() - 1
    };
    handler(&request, number, &mut stream);
}

/// Writes a head and body; errors are the client's choice to hang up.
pub fn respond(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(body);
}

/// A well-behaved answer with the file or the range asked for.
pub fn serve(file: &[u8], request: &Seen, tag: &str, stream: &mut TcpStream) {
    let matches = request.header("if-range").is_none_or(|wanted| wanted == tag);
    match request.range_start().filter(|_| matches) {
        Some(start) if start < file.len() => {
            let (last, total) = (file.len() - 1, file.len());
            let headers = format!(
                "ETag: {tag}\r\nContent-Range: bytes {start}-{last}/{total}\r\nContent-Length: {}\r\n",
                total - start
            );
            respond(stream, "206 Partial Content", &headers, &file[start..]);
        }
        Some(_) => respond(stream, "416 Range Not Satisfiable", "Content-Length: 0\r\n", b""),
        None => {
            let headers = format!("ETag: {tag}\r\nContent-Length: {}\r\n", file.len());
            respond(stream, "200 OK", &headers, file);
        }
    }
}

/// Like [`serve`], hanging up after `count` bytes of the body.
pub fn serve_cut(file: &[u8], request: &Seen, count: usize, stream: &mut TcpStream) {
    let start = request.range_start().unwrap_or(0);
    let end = (start + count).min(file.len());
    let headers = format!(
        "ETag: \"v1\"\r\nContent-Range: bytes {start}-{}/{}\r\nContent-Length: {}\r\n",
        file.len() - 1,
        file.len(),
        file.len() - start
    );
    let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
    respond(stream, status, &headers, &file[start..end]);
}

/// A file that begins like a model.
pub fn model_bytes(size: usize) -> Vec<u8> {
    let rest = (0..size).map(|i| (i * 31 + i / 251) as u8);
    b"GGUF".iter().copied().chain(rest).take(size).collect()
}

/// A store in a folder of its own that knows the model `m` with the given file and sources.
pub fn store_of(file: &[u8], sources: &[String]) -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, file, sources);
    (store, folder)
}

/// The same store opened (again), as another process would.
pub fn open(folder: &TempDir, file: &[u8], sources: &[String]) -> Store {
    let catalogue = format!(
        "[[model]]\nname = \"m\"\nalso-known-as = [\"m:short\"]\ndescription = \"d\"\nlicence = \"MIT\"\n\
         [[model.file]]\nname = \"m.gguf\"\nsize = {}\nsha256 = \"{}\"\nsources = {sources:?}\n",
        file.len(),
        Digest::of(file)
    );
    let catalogue = Catalogue::parse(&catalogue).unwrap();
    Store::with_catalogue(Some(folder.path().join("home")), catalogue)
}

/// Options without long pauses.
pub fn quick() -> PullOptions {
    PullOptions {
        network: Network {
            retry_pause: Duration::from_millis(1),
            retries: 3,
            read_timeout: Duration::from_secs(20),
            ..Network::default()
        },
        ..PullOptions::default()
    }
}

/// Records what is reported, and stops at a number of bytes if one is given.
#[derive(Debug, Default)]
pub struct Record {
    pub notices: Vec<Notice>,
    pub phases: Vec<(Phase, u64, Option<u64>)>,
    pub stop_at: Option<u64>,
}

impl Progress for Record {
    fn advance(&mut self, phase: Phase, done: u64, total: Option<u64>) -> Flow {
        self.phases.push((phase, done, total));
        match self.stop_at {
            Some(stop) if phase == Phase::Downloading && done >= stop => Flow::Break(()),
            _ => Flow::Continue(()),
        }
    }

    fn notice(&mut self, notice: &Notice) {
        self.notices.push(notice.clone());
    }
}

impl Record {
    /// The bytes that each attempt at a source found from before.
    pub fn kept(&self) -> Vec<u64> {
        let kept = self.notices.iter().filter_map(|notice| match notice {
            Notice::TryingSource { kept, .. } => Some(*kept),
            _ => None,
        });
        kept.collect()
    }
}

/// The bytes of the only file of the stored model `name`.
pub fn stored_bytes(store: &Store, name: &str) -> Vec<u8> {
    match store.resolve(name).unwrap() {
        hefu_store::Resolution::Ready(model) => std::fs::read(model.paths()[0]).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Names of the files in a folder of the store.
pub fn files_in(store: &Store, folder: &str) -> Vec<String> {
    let entries = std::fs::read_dir(store.root().unwrap().join(folder));
    let names = entries.into_iter().flatten().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
