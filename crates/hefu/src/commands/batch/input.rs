//! The requests of a batch: one JSON object on each line, in the format of the OpenAI API.

use crate::failure::Failure;
use crate::output::BYTE_ORDER_MARK;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Longest line, in bytes (32 MiB).
const MAX_LINE_BYTES: u64 = 32 << 20;
/// Most requests of one batch.
const MAX_REQUESTS: usize = 5_000_000;
/// Longest `custom_id`, in bytes.
const MAX_ID_BYTES: usize = 1024;
/// Endpoints that a line may ask.
const PATHS: [&str; 3] = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"];

/// A file of requests, of which only the places are in memory.
#[derive(Debug)]
pub(super) struct Input {
    path: PathBuf,
    file: File,
    entries: Vec<Entry>,
    by_id: HashMap<String, usize>,
}

/// Place of a request.
#[derive(Debug)]
struct Entry {
    custom_id: String,
    /// The line's number, from 1.
    line: usize,
    offset: u64,
    bytes: usize,
}

/// A request, ready to be asked, or what is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) custom_id: String,
    pub(super) asked: Result<Asked, String>,
}

/// Content of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) path: &'static str,
    pub(super) body: Vec<u8>,
}

/// The one field by which a line is known.
#[derive(Deserialize)]
struct Known {
    custom_id: Option<Value>,
}

impl Input {
    /// Reads the whole file once. Empty lines are passed over, and so is a mark of the byte order.
    ///
    /// # Errors
    /// A file that cannot be read, a line that is no JSON object with a `custom_id`, or a `custom_id` that comes twice.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error| Failure::file("read", path, error);
        let file = File::open(path).map_err(failed)?;
        let mut reader = BufReader::new(&file);
        let (mut entries, mut by_id) = (Vec::new(), HashMap::new());
        let (mut offset, mut number) = (0, 0);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE_BYTES + 1).read_until(b'\n', &mut line).map_err(failed)?;
            if read == 0 {
                break;
            }
            number += 1;
            let mark = if number == 1 && line.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
            line.drain(..mark);
            if read as u64 > MAX_LINE_BYTES {
                return Err(at(path, number, &format!("is longer than {} MiB", MAX_LINE_BYTES >> 20)));
            }
            if !line.iter().all(u8::is_ascii_whitespace) {
                let custom_id = custom_id(&line).map_err(|wrong| at(path, number, &wrong))?;
                let entry = Entry {
                    custom_id: custom_id.clone(),
                    line: number,
                    offset: offset + mark as u64,
                    bytes: read - mark,
                };
                let first: Option<usize> = by_id.insert(custom_id, entries.len());
                if let Some(first) = first.and_then(|first: usize| entries.get(first)) {
                    let Entry { custom_id, line, .. } = first;
                    return Err(at(path, number, &format!("has the custom_id {custom_id:?} of line {line} again")));
                }
                entries.push(entry);
                if entries.len() > MAX_REQUESTS {
                    return Err(at(path, number, &format!("is one too many: {MAX_REQUESTS} requests are possible")));
                }
            }
            offset += read as u64;
        }
        drop(reader);
        Ok(Self { path: path.to_owned(), file, entries, by_id })
    }

    /// Number of requests.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The place of a request in the file, from 0.
    pub(super) fn place(&self, custom_id: &str) -> Option<usize> {
        self.by_id.get(custom_id).copied()
    }

    /// The request in a place.
    ///
    /// # Errors
    /// If the file cannot be read any more, or says something else than before.
    pub(super) fn request(&mut self, place: usize) -> Result<Option<Request>, Failure> {
        let Some(entry) = self.entries.get(place) else { return Ok(None) };
        let mut line = vec![0; entry.bytes];
        let read = self.file.seek(SeekFrom::Start(entry.offset)).and_then(|_| self.file.read_exact(&mut line));
        read.map_err(|error| Failure::file("read", &self.path, error))?;
        if custom_id(&line).as_ref() != Ok(&entry.custom_id) {
            return Err(at(&self.path, entry.line, "has changed since the batch began; begin it again"));
        }
        Ok(Some(Request { custom_id: entry.custom_id.clone(), asked: asked(&line) }))
    }
}

fn at(path: &Path, line: usize, wrong: &str) -> Failure {
    Failure::Other(format!("line {line} of {} {wrong}", path.display()))
}

/// A line's `custom_id`, or what is wrong with the line.
fn custom_id(line: &[u8]) -> Result<String, String> {
    if line.trim_ascii_start().first() != Some(&b'{') {
        return Err("is no JSON object".to_owned());
    }
    let known: Known = serde_json::from_slice(line).map_err(|error| format!("is no JSON object: {error}"))?;
    match known.custom_id {
        Some(Value::String(id)) if id.is_empty() => Err("has an empty custom_id".to_owned()),
        Some(Value::String(id)) if id.len() > MAX_ID_BYTES => {
            Err(format!("has a custom_id of more than {MAX_ID_BYTES} bytes"))
        }
        Some(Value::String(id)) => Ok(id),
        Some(_) => Err("has a custom_id that is no text".to_owned()),
        None => Err("has no custom_id; each line needs one of its own".to_owned()),
    }
}

/// Request of a line, or a sentence for its answer.
fn asked(line: &[u8]) -> Result<Asked, String> {
    let mut line: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if line.get("method").and_then(Value::as_str) != Some("POST") {
        return Err("method must be \"POST\"".to_owned());
    }
    let url = line.get("url").and_then(Value::as_str).unwrap_or_default();
    let path = PATHS.into_iter().find(|path| *path == url);
    let path = path.ok_or_else(|| format!("url must be one of {}", PATHS.join(", ")))?;
    match line.get_mut("body").map(Value::take) {
        Some(Value::Object(body)) if body.get("stream").is_some_and(|stream| stream != &Value::Bool(false)) => {
            Err("stream is not possible in a batch".to_owned())
        }
        Some(body @ Value::Object(_)) => Ok(Asked { path, body: body.to_string().into_bytes() }),
        _ => Err("body must be an object".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Input, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.jsonl");
        std::fs::write(&path, text).unwrap();
        Input::open(&path).map_err(|failure| failure.to_string())
    }

    #[test]
    fn requests_are_read_from_their_places() {
        let text = "{\"custom_id\": \"a\", \"method\": \"POST\", \"url\": \"/v1/completions\", \"body\": {\"seed\": 18446744073709551615}}\r\n\n   \n\
                    {\"body\": {}, \"url\": \"/v1/embeddings\", \"method\": \"POST\", \"custom_id\": \"符\"}";
        let mut input = of(text).unwrap();
        assert_eq!((input.len(), input.place("符"), input.place("b")), (2, Some(1), None));
        let first = input.request(0).unwrap().unwrap();
        let body = b"{\"seed\":18446744073709551615}".to_vec();
        assert_eq!(first, Request { custom_id: "a".into(), asked: Ok(Asked { path: PATHS[1], body }) });
        assert_eq!(input.request(1).unwrap().unwrap().asked.unwrap().path, "/v1/embeddings");
        assert!(input.request(2).unwrap().is_none());
    }

    #[test]
    fn a_file_that_cannot_be_answered_is_refused_with_the_line() {
        for (text, wrong) in [
            ("{\"custom_id\": \"a\"}\n{\"custom_id\": \"b\"}\n{\"custom_id\": \"a\"}", "line 3"),
            ("{\"custom_id\": \"a\"}\n{\"custom_id\": \"a\"}", "the custom_id \"a\" of line 1 again"),
            ("{\"custom_id\": 1}", "no text"),
            ("{\"custom_id\": \"\"}", "empty"),
            ("{\"url\": \"x\"}", "no custom_id"),
            ("{\"custom_id\": \"a\"", "no JSON object"),
            ("[\"a\"]", "no JSON object"),
            ("\u{feff}x", "no JSON object"),
        ] {
            let sentence = of(text).unwrap_err();
            assert!(sentence.contains(wrong), "{sentence}");
        }
    }

    #[test]
    fn a_line_that_asks_wrongly_has_an_answer_that_says_so() {
        let line = |method: &str, url: &str, body: &str| {
            asked(format!("{{\"method\": {method}, \"url\": {url}, \"body\": {body}}}").as_bytes())
        };
        let chat = "\"/v1/chat/completions\"";
        assert!(line("\"POST\"", chat, "{\"stream\": false}").is_ok());
        for (asked, wrong) in [
            (line("\"GET\"", chat, "{}"), "method"),
            (line("\"POST\"", "\"/v1/models\"", "{}"), "url"),
            (line("\"POST\"", chat, "3"), "body"),
            (line("\"POST\"", chat, "{\"stream\": true}"), "stream"),
        ] {
            assert!(asked.unwrap_err().starts_with(wrong));
        }
    }
}
