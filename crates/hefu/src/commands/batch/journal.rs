//! The answers of a batch: lines that are appended and made durable, so that what is there is there for good.

use super::input::Input;
use crate::failure::Failure;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// First bytes of every line; a last line that breaks off is ours only if it has them, too.
const BEGINNING: &str = "{\"id\":\"batch_req_";
/// Longest line that is read back, in bytes (1 GiB).
const MAX_LINE_BYTES: u64 = 1 << 30;

/// Content of a file of answers.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answered {
    /// For each request, whether it is answered.
    pub(super) places: Vec<bool>,
    /// Number of answers that are errors.
    pub(super) failed: usize,
}

/// The file of answers. Nobody else writes to it meanwhile.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    bytes: u64,
}

impl Journal {
    /// Opens or makes the file, cuts off a last line that breaks off, and says what is answered. With `retry`, answers that are
    /// errors are taken out of it.
    ///
    /// # Errors
    /// A file that cannot be read or written, is written by another program, or holds something else than answers to
    /// these requests.
    pub(super) fn open(path: &Path, input: &Input, retry: bool) -> Result<(Self, Answered), Failure> {
        let is_new = !path.exists();
        let file = locked(path)?;
        if is_new {
            make_name_durable(path).map_err(|error| Failure::file("open", path, error))?;
        }
        let mut journal = Self { path: path.to_owned(), file, bytes: 0 };
        let answered = journal.recover(input)?;
        if !retry || answered.failed == 0 {
            return Ok((journal, answered));
        }
        journal.without_errors()?;
        let answered = journal.recover(input)?;
        Ok((journal, answered))
    }

    /// Puts a file without the answers that are errors in the place of this one, at once: whatever happens meanwhile, one of
    /// the two is there, and whole.
    fn without_errors(&mut self) -> Result<(), Failure> {
        let mut beside = self.path.as_os_str().to_owned();
        beside.push(".new");
        let beside = PathBuf::from(beside);
        let failed = |error| Failure::file("write", &beside, error);
        let mut file = locked(&beside)?;
        file.set_len(0).map_err(failed)?;
        self.file.rewind().map_err(|error| Failure::file("read", &self.path, error))?;
        let mut reader = BufReader::new(&self.file);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            if read.map_err(|error| Failure::file("read", &self.path, error))? == 0 {
                break;
            }
            if !is_error(&line) {
                file.write_all(&line).map_err(failed)?;
            }
        }
        file.sync_all().and_then(|()| std::fs::rename(&beside, &self.path)).map_err(failed)?;
        make_name_durable(&self.path).map_err(failed)?;
        self.file = file;
        Ok(())
    }

    /// Appends lines, which end in a line feed each, and returns once they are durable.
    ///
    /// # Errors
    /// If they cannot be written; what was written of them is taken back.
    pub(super) fn append(&mut self, lines: &str) -> Result<(), Failure> {
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // The next run takes it back if this one cannot.
            drop(self.file.set_len(self.bytes));
            let sentence = format!(
                "cannot write to {}: {error}; what is in it is complete, and the same command goes on from there",
                self.path.display()
            );
            return Err(Failure::Other(sentence));
        }
        self.bytes += lines.len() as u64;
        Ok(())
    }

    fn recover(&mut self, input: &Input) -> Result<Answered, Failure> {
        let failed = |error| Failure::file("read", &self.path, error);
        self.file.rewind().map_err(failed)?;
        self.bytes = 0;
        let mut answered = Answered { places: vec![false; input.len()], failed: 0 };
        let mut reader = BufReader::new(&self.file);
        let (mut line, mut number) = (Vec::new(), 0);
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line).map_err(failed)?;
            number += 1;
            if line.last() != Some(&b'\n') {
                if read > 0 && !breaks_off(&line) {
                    return Err(self.foreign(number, "is no answer of a batch"));
                }
                break;
            }
            let place = custom_id(&line).ok_or_else(|| self.foreign(number, "is no answer of a batch"))?;
            let place = input.place(&place);
            let place = place.ok_or_else(|| self.foreign(number, "answers a custom_id that is not asked"))?;
            match answered.places.get_mut(place) {
                Some(done) if !*done => *done = true,
                _ => return Err(self.foreign(number, "answers a custom_id a second time")),
            }
            answered.failed += usize::from(is_error(&line));
            self.bytes += read as u64;
        }
        drop(reader);
        let cut = self.file.set_len(self.bytes).and_then(|()| self.file.seek(SeekFrom::Start(self.bytes)));
        cut.map_err(|error| Failure::file("write to", &self.path, error))?;
        Ok(answered)
    }

    fn foreign(&self, line: usize, wrong: &str) -> Failure {
        let path = self.path.display();
        Failure::Other(format!(
            "line {line} of {path} {wrong}; name a file that is not there yet, or move this one away"
        ))
    }
}

/// A file that nobody else writes to.
fn locked(path: &Path) -> Result<File, Failure> {
    let failed = |error| Failure::file("open", path, error);
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let sentence = format!("another program is writing to {}; wait for its end", path.display());
            Err(Failure::Other(sentence))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// A request's answer as a line: what an endpoint answered, or why it was not asked.
pub(super) fn line(id: &str, custom_id: &str, answer: Result<(u16, &str, Value), &str>) -> String {
    let (response, error) = match answer {
        Ok((status, request, body)) => {
            (json!({"status_code": status, "request_id": request, "body": body}), Value::Null)
        }
        Err(wrong) => (Value::Null, json!({"code": "invalid_request", "message": wrong})),
    };
    let id = format!("batch_req_{id}");
    format!("{}\n", json!({"id": id, "custom_id": custom_id, "response": response, "error": error}))
}

/// True if a last line may be one of ours that was not written to its end.
fn breaks_off(line: &[u8]) -> bool {
    let common = line.len().min(BEGINNING.len());
    line.get(..common) == BEGINNING.as_bytes().get(..common)
}

/// True if a line's answer is an error.
fn is_error(line: &[u8]) -> bool {
    let status = |answer: &Value| answer.pointer("/response/status_code").and_then(Value::as_u64);
    serde_json::from_slice::<Value>(line).is_ok_and(|answer| status(&answer).is_none_or(|code| code / 100 != 2))
}

/// The `custom_id` of an answer.
fn custom_id(line: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(line).ok()?;
    let has_both = answer.get("response").is_some() && answer.get("error").is_some();
    answer.get("custom_id").and_then(Value::as_str).filter(|_| has_both).map(str::to_owned)
}

/// A new file's name is in its folder, and that must be on the disk, too.
fn make_name_durable(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(answers: &str) -> (tempfile::TempDir, Input, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("in.jsonl");
        std::fs::write(&asked, "{\"custom_id\": \"a\"}\n{\"custom_id\": \"b\"}\n{\"custom_id\": \"c\"}\n").unwrap();
        let path = folder.path().join("out.jsonl");
        std::fs::write(&path, answers).unwrap();
        (folder, Input::open(&asked).unwrap(), path)
    }

    #[test]
    fn what_is_complete_stays_and_a_torn_line_goes() {
        let whole = line("1", "b", Ok((200, "r", json!({"x": 1}))));
        let next = line("2", "c", Err("body must be an object"));
        for cut in 0..next.len() {
            let (_folder, input, path) = setting(&(whole.clone() + &next[..cut]));
            let (mut journal, answered) = Journal::open(&path, &input, false).unwrap();
            assert_eq!(answered, Answered { places: vec![false, true, false], failed: 0 });
            journal.append(&next).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole.clone() + &next);
        }
    }

    #[test]
    fn files_of_another_kind_are_left_alone() {
        let answer = |custom_id| line("1", custom_id, Err("x"));
        for (text, wrong) in [
            ("my notes".to_owned(), "line 1"),
            ("my notes\n".to_owned(), "no answer of a batch"),
            ("{\"custom_id\": \"a\"}\n".to_owned(), "no answer of a batch"),
            (answer("a") + &answer("z"), "line 2"),
            (answer("a") + &answer("b") + &answer("a"), "a second time"),
        ] {
            let (_folder, input, path) = setting(&text);
            let sentence = Journal::open(&path, &input, false).unwrap_err().to_string();
            assert!(sentence.contains(wrong), "{sentence}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn errors_are_taken_out_to_be_asked_again_and_nothing_else() {
        let good = line("1", "b", Ok((200, "r", json!({"x": 1}))));
        let refused = line("2", "a", Ok((429, "r", json!({}))));
        let never_asked = line("3", "c", Err("body must be an object"));
        let (_folder, input, path) = setting(&format!("{refused}{good}{never_asked}"));
        let (journal, answered) = Journal::open(&path, &input, false).unwrap();
        assert_eq!(answered, Answered { places: vec![true; 3], failed: 2 });
        drop(journal);
        let (mut journal, answered) = Journal::open(&path, &input, true).unwrap();
        assert_eq!(answered, Answered { places: vec![false, true, false], failed: 0 });
        assert!(Journal::open(&path, &input, false).unwrap_err().to_string().contains("another program"));
        journal.append(&line("4", "a", Ok((200, "r", json!({}))))).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(&good) && text.lines().count() == 2, "{text}");
    }

    #[test]
    fn two_programs_do_not_write_to_one_file() {
        let (_folder, input, path) = setting("");
        let _first = Journal::open(&path, &input, false).unwrap();
        let sentence = Journal::open(&path, &input, false).unwrap_err().to_string();
        assert!(sentence.contains("another program"), "{sentence}");
    }

    #[test]
    fn lines_begin_as_they_are_recognised() {
        assert!(line("1", "a", Err("x")).starts_with(BEGINNING));
    }
}
