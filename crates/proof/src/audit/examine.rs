//! Whether rows are those that were written: every hash, every signature, no gap, nothing after the end.

use super::Store;
use super::rows::{Entry, Kind, Log, Mark, Pruning, Row};
use crate::canonical::canonical;
use crate::digest::Digest;
use crate::identity::PublicKey;
use crate::receipt::{MAX_RECEIPT_BYTES, Receipt};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};

/// Most problems that are told; the first one is what matters.
const MAX_PROBLEMS: usize = 100;
/// Longest line of an export that is read, in bytes.
const MAX_LINE_BYTES: u64 = 4 * MAX_RECEIPT_BYTES as u64;

/// Rows on their way through, in the order of [`Row`].
#[derive(Debug, Default)]
pub struct Examination {
    log: Option<Digest>,
    /// Where the chain is: the last number and its hash.
    at: Option<(u64, Digest)>,
    is_over: bool,
    /// Whether a record or a checkpoint came, after which no pruning may.
    is_under_way: bool,
    found: Found,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Records that were examined.
    pub records: u64,
    /// Checkpoints that were examined.
    pub checkpoints: u64,
    /// Records that were removed, as signed notes say.
    pub pruned: u64,
    /// The number and the hash of the last record: to be noted elsewhere, and compared later.
    pub head: Option<(u64, Digest)>,
    /// The keys that signed, each with how many signatures. Whose they are, the caller must know.
    pub keys: BTreeMap<String, u64>,
    /// What is wrong, in the order of the log; empty if nothing is.
    pub problems: Vec<String>,
}

impl Examination {
    /// Takes the next row.
    pub fn push(&mut self, row: &Row) {
        if self.is_over {
            self.problem("there is something after the head".to_owned());
        }
        match row {
            Row::Log(log) => self.begin(log),
            Row::Pruning(pruning) => self.pruning(pruning),
            Row::Record(entry) => self.record(entry),
            Row::Checkpoint(mark) => self.checkpoint(mark),
            Row::Head(mark) => self.head(mark),
        }
    }

    /// Notes a problem that was found elsewhere.
    pub fn problem(&mut self, problem: String) {
        if self.found.problems.len() < MAX_PROBLEMS {
            self.found.problems.push(problem);
        }
    }

    /// What was found, once there is no further row.
    pub fn finish(mut self) -> Found {
        if self.log.is_none() {
            self.problem("its beginning is missing".to_owned());
        }
        if !self.is_over {
            self.problem("its head is missing, so records may be missing at its end".to_owned());
        }
        self.found
    }

    fn begin(&mut self, log: &Log) {
        if self.log.is_some() || self.at.is_some() {
            return self.problem("it has a second beginning".to_owned());
        }
        let digest = log.digest();
        self.log = Some(digest);
        self.at = Some((0, digest));
    }

    fn pruning(&mut self, pruning: &Pruning) {
        let (first, last) = (pruning.first, pruning.last.seq);
        if self.is_under_way || self.at.map(|at| at.0 + 1) != Some(first) || last < first {
            self.problem(format!(
                "the note of the removal of the records {first} to {last} does not fit the one before"
            ));
        }
        self.signature(&pruning.last, Kind::Pruning(first));
        self.found.pruned += last.saturating_sub(first).saturating_add(1);
        self.at = Some((last, pruning.last.hash));
    }

    fn record(&mut self, entry: &Entry) {
        self.is_under_way = true;
        self.found.records += 1;
        let seq = entry.seq;
        if let Some((before, hash)) = self.at {
            if before.checked_add(1) != Some(seq) {
                self.problem(format!("after record {before} comes record {seq}: something between is missing"));
            }
            if entry.prev_hash != hash {
                self.problem(format!("record {seq} does not follow the one before: that was changed or put in"));
            }
        }
        if entry.computed_hash() != entry.hash {
            self.problem(format!("record {seq} is not what its hash says: it was changed"));
        }
        if let Some(problem) = content(entry) {
            self.problem(format!("record {seq}: {problem}"));
        }
        self.at = Some((seq, entry.hash));
    }

    fn checkpoint(&mut self, mark: &Mark) {
        self.is_under_way = true;
        self.found.checkpoints += 1;
        if self.at != Some((mark.seq, mark.hash)) {
            self.problem(format!("the checkpoint after record {} is not that of the record there", mark.seq));
        }
        self.signature(mark, Kind::Checkpoint);
    }

    fn head(&mut self, mark: &Mark) {
        self.is_over = true;
        if self.at != Some((mark.seq, mark.hash)) {
            let last = self.at.map_or(0, |at| at.0);
            self.problem(format!("its head names record {} as the last, but the last is record {last}", mark.seq));
        }
        self.signature(mark, Kind::Head);
        self.found.head = Some((mark.seq, mark.hash));
    }

    fn signature(&mut self, mark: &Mark, kind: Kind) {
        *self.found.keys.entry(mark.key.to_string()).or_insert(0) += 1;
        let is_signed = self.log.is_some_and(|log| mark.is_signed(kind, &log));
        if !is_signed {
            self.problem(format!("the signature at record {} is not that of the key that it names", mark.seq));
        }
    }
}

impl Found {
    /// Whether nothing is wrong and every signature is of this key.
    pub fn is_good_for(&self, key: &PublicKey) -> bool {
        self.problems.is_empty() && self.keys.keys().all(|found| *found == key.to_string())
    }
}

/// What is wrong within a record whose hash is right.
fn content(entry: &Entry) -> Option<String> {
    let store = match entry.store.parse::<Store>() {
        Ok(store) => store,
        Err(sentence) => return Some(sentence),
    };
    let (has_receipt, has_text) = (entry.receipt.is_some(), entry.text.is_some());
    if (has_receipt, has_text) != (store != Store::Hashes, store == Store::Text) {
        return Some(format!("it does not hold what a record of {:?} holds", entry.store));
    }
    let receipt = match Receipt::parse(entry.receipt.as_deref()?) {
        Ok(receipt) => receipt,
        Err(error) => return Some(format!("its receipt: {error}")),
    };
    let answer = receipt.answer();
    let same = (&answer.id, answer.time, &answer.model, &answer.fingerprint, receipt.digest())
        == (&entry.id, entry.time, &entry.model, &entry.fingerprint, &entry.receipt_digest);
    (!same).then(|| "its receipt is that of another answer".to_owned())
}

/// Examines an export ([`super::Reader::export`]) line by line; every line must be in canonical form.
///
/// # Errors
/// If it cannot be read at all.
pub fn examine_export(lines: &mut dyn BufRead, progress: &mut dyn FnMut(u64)) -> io::Result<Found> {
    let mut examination = Examination::default();
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if (&mut *lines).take(MAX_LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
        let row = text.and_then(|text| {
            let row = serde_json::from_str::<Row>(text).ok()?;
            (canonical(&row).as_deref() == Ok(text)).then_some(row)
        });
        match row {
            Some(row) => examination.push(&row),
            None => examination.problem(format!("line {number} is not a line of an export, or was changed")),
        }
        progress(number);
    }
    Ok(examination.finish())
}
