//! Examination of a log: every hash, every signature, no gap, nothing after the end.

use super::Store;
use super::authority::Trusted;
use super::content::Content;
use super::rows::{Entry, Head, Kind, Log, Mark, Pruning, Row, Stamp};
use crate::canonical::canonical;
use crate::digest::Digest;
use crate::receipt::Receipt;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::sync::Arc;

/// Most problems that are told; the first one is what matters.
const MAX_PROBLEMS: usize = 100;
/// Longest line of an export that is read, in bytes.
const MAX_LINE_BYTES: u64 = 2 * super::MAX_CONTENT_BYTES as u64;

/// Rows on their way through, in the order of [`Row`].
#[derive(Debug, Default)]
pub struct Examination {
    log: Option<Digest>,
    /// Where the chain is: the last number and its hash.
    at: Option<(u64, Digest)>,
    is_over: bool,
    /// True if a record or a checkpoint came, after which no pruning and no redaction may.
    is_under_way: bool,
    /// Records whose content may be missing, with their hashes.
    redactions: BTreeMap<u64, Digest>,
    /// The checkpoint that came last.
    marked: Option<(u64, Digest)>,
    /// The log's own time at the last record.
    clock: u64,
    /// Authorities that must have signed time stamps, if that is to be known.
    trusted: Option<Arc<Trusted>>,
    found: Found,
}

/// Result of an examination.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Records that were examined.
    pub records: u64,
    /// Those of them that are of answers.
    pub answers: u64,
    /// Checkpoints that were examined.
    pub checkpoints: u64,
    /// Records that were removed, as signed notes say.
    pub pruned: u64,
    /// Records whose content was taken away, as signed notes say.
    pub redacted: u64,
    /// Checkpoints that a time-stamping authority has stamped, each by its number with the time that it states.
    pub stamps: Vec<(u64, String)>,
    /// Number of stamps that a trusted authority has signed.
    pub trusted_stamps: u64,
    /// The number and the hash of the last record: to be noted elsewhere, and compared later.
    pub head: Option<(u64, Digest)>,
    /// The keys that signed, each with how many signatures. Whose they are, the caller must know.
    pub keys: BTreeMap<String, u64>,
    /// Problems, in the order of the log; empty if there is none.
    pub problems: Vec<String>,
}

impl Examination {
    /// An examination to which time stamps are problems that none of these authorities has signed.
    pub fn trusting(trusted: Option<Arc<Trusted>>) -> Self {
        Self { trusted, ..Self::default() }
    }

    /// Takes the next row.
    pub fn push(&mut self, row: &Row) {
        if self.is_over {
            self.problem("there is something after the head".to_owned());
        }
        match row {
            Row::Log(log) => self.begin(log),
            Row::Pruning(pruning) => self.pruning(pruning),
            Row::Redaction(mark) => self.redaction(mark),
            Row::Record(entry) => self.record(entry),
            Row::Checkpoint(mark) => self.checkpoint(mark),
            Row::Stamp(stamp) => self.stamp(stamp),
            Row::Head(head) => self.head(head),
        }
    }

    /// Notes a problem that was found elsewhere.
    pub fn problem(&mut self, problem: String) {
        if self.found.problems.len() < MAX_PROBLEMS {
            self.found.problems.push(problem);
        }
    }

    /// Findings, once there is no further row.
    pub fn finish(mut self) -> Found {
        if self.log.is_none() {
            self.problem("its beginning is missing".to_owned());
        }
        if let Some(seq) = self.redactions.keys().next().copied() {
            self.problem(format!(
                "there is a note that the content of record {seq} was taken away, but not that record"
            ));
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

    fn redaction(&mut self, mark: &Mark) {
        let is_pruned = self.at.is_none_or(|at| mark.seq <= at.0);
        if self.is_under_way || is_pruned || self.redactions.insert(mark.seq, mark.hash).is_some() {
            self.problem(format!(
                "the note that the content of record {} was taken away does not belong here",
                mark.seq
            ));
        }
        self.signature(mark, Kind::Redaction);
        self.found.redacted += 1;
    }

    fn record(&mut self, entry: &Entry) {
        self.is_under_way = true;
        self.found.records += 1;
        self.found.answers += u64::from(entry.kind == "answer");
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
        let redaction = self.redactions.remove(&seq);
        if redaction.is_some() != entry.content.is_none() || redaction.is_some_and(|hash| hash != entry.hash) {
            self.problem(format!("what record {seq} said is missing without a note, or there in spite of one"));
        }
        if !entry.has_its_content() {
            self.problem(format!("record {seq} does not say what its digest is of: it was changed"));
        } else if let Some(problem) = content(entry) {
            self.problem(format!("record {seq}: {problem}"));
        }
        if entry.clock < self.clock {
            self.problem(format!("record {seq} is older by the log's own clock than the one before"));
        }
        self.clock = entry.clock;
        self.at = Some((seq, entry.hash));
    }

    fn checkpoint(&mut self, mark: &Mark) {
        self.is_under_way = true;
        self.found.checkpoints += 1;
        if self.at != Some((mark.seq, mark.hash)) {
            self.problem(format!("the checkpoint after record {} is not that of the record there", mark.seq));
        }
        self.signature(mark, Kind::Checkpoint);
        self.marked = Some((mark.seq, mark.hash));
    }

    fn stamp(&mut self, stamp: &Stamp) {
        let of = &stamp.of;
        if self.marked != Some((of.seq, of.hash)) {
            self.problem(format!("the time stamp at record {} is not of a checkpoint there", of.seq));
        }
        self.signature(of, Kind::Stamp(&stamp.token));
        match stamp.read() {
            Ok(token) if token.imprint == of.hash => {
                self.authority(stamp, &token.time);
                self.found.stamps.push((of.seq, token.time));
            }
            Ok(_) => self.problem(format!("the time stamp at record {} is of something else", of.seq)),
            Err(sentence) => self.problem(format!("the time stamp at record {}: {sentence}", of.seq)),
        }
    }

    /// Checks that somebody who is trusted has signed a time stamp.
    fn authority(&mut self, stamp: &Stamp, time: &str) {
        let Some(trusted) = self.trusted.clone() else { return };
        let checked = stamp.der().ok_or_else(|| "it is not written in hexadecimal digits".to_owned());
        match checked.and_then(|token| trusted.check(&token, time)) {
            Ok(()) => self.found.trusted_stamps += 1,
            Err(sentence) => self.problem(format!("the time stamp at record {}: {sentence}", stamp.of.seq)),
        }
    }

    fn head(&mut self, head: &Head) {
        self.is_over = true;
        let last = &head.last;
        if self.at != Some((last.seq, last.hash)) {
            let at = self.at.map_or(0, |at| at.0);
            self.problem(format!("its head names record {} as the last, but the last is record {at}", last.seq));
        }
        if head.tick.clock < self.clock {
            self.problem("its last record is younger by the log's own clock than its head".to_owned());
        }
        self.signature(last, Kind::Head(&head.tick));
        self.found.head = Some((last.seq, last.hash));
    }

    fn signature(&mut self, mark: &Mark, kind: Kind<'_>) {
        *self.found.keys.entry(mark.key.to_string()).or_insert(0) += 1;
        let is_signed = self.log.is_some_and(|log| mark.is_signed(kind, &log));
        if !is_signed {
            self.problem(format!("the signature at record {} is not that of the key that it names", mark.seq));
        }
    }
}

/// Problem within a record whose hash is right.
fn content(entry: &Entry) -> Option<String> {
    let answer = match entry.parsed() {
        Ok(None | Some(Content::Event(_))) => return None,
        Ok(Some(Content::Annotation(annotated))) => {
            let sentence = || "its annotation is not signed by the key that it names".to_owned();
            return (!annotated.is_signed()).then(sentence);
        }
        Ok(Some(Content::Answer(answer))) => answer,
        Err(sentence) => return Some(sentence),
    };
    let store = match answer.store.parse::<Store>() {
        Ok(store) => store,
        Err(sentence) => return Some(sentence),
    };
    let (has_receipt, has_text) = (answer.receipt.is_some(), answer.text.is_some());
    if (has_receipt, has_text) != (store != Store::Hashes, store == Store::Text) {
        return Some(format!("it does not hold what a record of {:?} holds", answer.store));
    }
    if answer.text.as_ref().is_some_and(|text| Digest::of(&[text.as_bytes()]) != answer.text_digest) {
        return Some("its text is not the one that its digest is of".to_owned());
    }
    let receipt = match Receipt::parse(answer.receipt.as_deref()?) {
        Ok(receipt) => receipt,
        Err(error) => return Some(format!("its receipt: {error}")),
    };
    let stated = receipt.answer();
    let same = (&stated.id, stated.time, &stated.model, &stated.fingerprint, receipt.digest(), stated.started)
        == (&entry.id, entry.time, &answer.model, &answer.fingerprint, &answer.receipt_digest, answer.started);
    let same_digests = (stated.template_digest, stated.stop_digest) == (answer.template_digest, answer.stop_digest)
        && stated.text_digest.is_none_or(|digest| digest == answer.text_digest);
    (!same || !same_digests).then(|| "its receipt is that of another answer".to_owned())
}

/// Examines an export ([`super::Reader::export`]) line by line; every line must be in canonical form.
///
/// # Errors
/// If it cannot be read at all.
pub fn examine_export(
    lines: &mut dyn BufRead,
    trusted: Option<Arc<Trusted>>,
    progress: &mut dyn FnMut(u64),
) -> io::Result<Found> {
    let mut examination = Examination::trusting(trusted);
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
