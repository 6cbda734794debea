//! Progress of an evaluation: a file of lines beside the score, so that one that was killed goes on where it was.

use crate::failure::Failure;
use hefu_eval::Part;
use hefu_proof::Digest;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest line that is read back, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 28;
/// First bytes of a first line.
const BEGINNING: &[u8] = b"{\"evaluation\"";
/// Longest time until what is written is on the disk; that the program is killed loses nothing in any case.
const DURABLE_EVERY: Duration = Duration::from_secs(2);

/// The first line: everything that a run must share with the one that began it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub(super) evaluation: u32,
    pub(super) task: Digest,
    pub(super) data: Digest,
    pub(super) examples: Option<Digest>,
    pub(super) template: Option<Digest>,
    pub(super) model: String,
    pub(super) judge: Option<String>,
    pub(super) context: usize,
    pub(super) samples: usize,
}

/// One part of a sample; every other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<P> {
    sample: usize,
    part: P,
}

/// The file. Nobody else writes to it meanwhile.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
    file: File,
    synced: Instant,
    /// The parts of each sample.
    pub(super) parts: Vec<Vec<Part>>,
}

impl State {
    /// Opens or makes the file, and reads what is there of a run with this header; at most `most` parts of each sample.
    ///
    /// # Errors
    /// A file that cannot be read or written, is written by another program, or is of another run.
    pub(super) fn open(path: &Path, header: &Header, most: usize) -> Result<Self, Failure> {
        let failed = |error| Failure::file("open", path, error);
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let sentence = format!("another program is writing to {}; wait for its end", path.display());
                return Err(Failure::Other(sentence));
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let parts = vec![Vec::new(); header.samples];
        let mut state = Self { path: path.to_owned(), file, synced: Instant::now(), parts };
        let bytes = state.recover(header, most)?;
        let cut = state.file.set_len(bytes).and_then(|()| state.file.seek(SeekFrom::Start(bytes)));
        cut.map_err(failed)?;
        if bytes == 0 {
            state.write(header)?;
        }
        Ok(state)
    }

    /// Parts that are there.
    pub(super) fn done(&self) -> usize {
        self.parts.iter().map(Vec::len).sum()
    }

    /// Adds a part of a sample.
    ///
    /// # Errors
    /// If it cannot be written.
    pub(super) fn add(&mut self, sample: usize, part: Part) -> Result<(), Failure> {
        self.write(&Line { sample, part: &part })?;
        if let Some(parts) = self.parts.get_mut(sample) {
            parts.push(part);
        }
        if self.synced.elapsed() >= DURABLE_EVERY {
            self.file.sync_data().map_err(|error| Failure::file("write to", &self.path, error))?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    /// Takes the file away; what it held is elsewhere.
    ///
    /// # Errors
    /// If it cannot be.
    pub(super) fn remove(self) -> Result<(), Failure> {
        std::fs::remove_file(&self.path).map_err(|error| Failure::file("remove", &self.path, error))
    }

    fn write(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let mut text = serde_json::to_string(line).map_err(|error| Failure::Other(error.to_string()))?;
        text.push('\n');
        // One call, so that a program that is killed leaves at most one line that breaks off.
        self.file.write_all(text.as_bytes()).map_err(|error| Failure::file("write to", &self.path, error))
    }

    /// Reads what is there; the bytes of whole lines.
    fn recover(&mut self, header: &Header, most: usize) -> Result<u64, Failure> {
        let mut reader = BufReader::new(&self.file);
        let (mut line, mut bytes, mut number) = (Vec::new(), 0, 0);
        loop {
            line.clear();
            let read = reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line);
            let read = read.map_err(|error| Failure::file("read", &self.path, error))?;
            number += 1;
            if line.last() != Some(&b'\n') {
                // A first line that breaks off is nobody's but ours only if there is nothing else.
                return match number {
                    1 if !line.starts_with(&BEGINNING[..read.min(BEGINNING.len())]) => Err(foreign(&self.path)),
                    _ => Ok(bytes),
                };
            }
            if number == 1 {
                let own: Header = serde_json::from_slice(&line).map_err(|_| foreign(&self.path))?;
                same(&self.path, &own, header)?;
            } else {
                let Line { sample, part }: Line<Part> =
                    serde_json::from_slice(&line).map_err(|_| foreign(&self.path))?;
                match self.parts.get_mut(sample) {
                    Some(parts) if parts.len() < most => parts.push(part),
                    _ => return Err(foreign(&self.path)),
                }
            }
            bytes += read as u64;
        }
    }
}

fn foreign(path: &Path) -> Failure {
    Failure::Other(format!("{} is not what an evaluation left; move it away", path.display()))
}

fn same(path: &Path, own: &Header, now: &Header) -> Result<(), Failure> {
    let differs = [
        ("the task", own.task != now.task),
        ("the samples", own.data != now.data || own.samples != now.samples),
        ("the examples", own.examples != now.examples),
        ("the chat template", own.template != now.template),
        ("the model", own.model != now.model),
        ("the judge", own.judge != now.judge),
        ("--context", own.context != now.context),
        ("the form", own.evaluation != now.evaluation),
    ];
    match differs.iter().find(|(_, differs)| *differs) {
        None => Ok(()),
        Some((what, _)) => Err(Failure::Other(format!(
            "{} is of an evaluation that was not finished, but {what} was another; finish that one, or remove the file",
            path.display()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hefu_eval::record::Scored;

    fn header(model: &str) -> Header {
        let digest = Digest::of(&[b"x"]);
        Header {
            evaluation: 1,
            task: digest,
            data: digest,
            examples: None,
            template: None,
            model: model.into(),
            judge: None,
            context: 8,
            samples: 3,
        }
    }

    fn part(logprob: f32) -> Part {
        Part::likelihoods(vec![Scored { ids: vec![1, 2], from: 1, bytes: 1, logprobs: vec![logprob] }])
    }

    #[test]
    fn whatever_is_cut_off_what_was_whole_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut state = State::open(&path, &header("m"), 1).unwrap();
        state.add(2, part(-0.1)).unwrap();
        state.add(0, part(-1e-9)).unwrap();
        drop(state);
        let whole = std::fs::read(&path).unwrap();
        for length in (0..=whole.len()).rev() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let state = State::open(&path, &header("m"), 1).unwrap();
            let lines = whole[..length].iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(state.done(), lines.saturating_sub(1), "{length}");
            let expected = if lines > 1 { vec![part(-0.1)] } else { vec![] };
            assert_eq!(state.parts[2], expected);
        }
    }

    #[test]
    fn files_of_other_runs_and_of_others_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let mut state = State::open(&path, &header("m"), 1).unwrap();
        state.add(1, part(-1.0)).unwrap();
        assert!(State::open(&path, &header("m"), 1).unwrap_err().to_string().contains("another program"));
        drop(state);
        let before = std::fs::read(&path).unwrap();
        assert!(State::open(&path, &header("n"), 1).unwrap_err().to_string().contains("the model"));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        for foreign in ["notes\n", "notes", "{}\n"] {
            std::fs::write(&path, foreign).unwrap();
            assert!(State::open(&path, &header("m"), 1).is_err(), "{foreign}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), foreign);
        }
    }
}
