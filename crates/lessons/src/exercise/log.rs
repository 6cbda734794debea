//! The chain of an audit log: each record holds the hash of the one before.

use super::case::{Case, Exercise, Word, case, hex, source, whole};
use sha2::{Digest, Sha256};

const MISTAKES: &[&str] = &["big-endian", "no-lengths", "content-itself", "unchained"];

pub(super) const EXERCISE: Exercise =
    Exercise { name: "log", clause: "docs/auditors/audit.md", mistakes: MISTAKES, cases };

struct Record {
    time: u64,
    clock: u64,
    kind: &'static str,
    id: String,
    content: String,
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_vec()
}

/// The hash of each record, from that of the log on.
fn hashes(log: &[u8], records: &[Record], mistake: &str) -> Vec<Vec<u8>> {
    let number = |number: u64| if mistake == "big-endian" { number.to_be_bytes() } else { number.to_le_bytes() };
    let length = |text: &str| if mistake == "no-lengths" { Vec::new() } else { number(text.len() as u64).to_vec() };
    let (mut before, mut all) = (log.to_vec(), Vec::new());
    for (record, seq) in records.iter().zip(1..) {
        let digest = match mistake {
            "content-itself" => record.content.as_bytes().to_vec(),
            _ => sha256(&[b"hefu audit content 1\n", record.content.as_bytes()]),
        };
        let numbers = [seq, record.time, record.clock].map(number).concat();
        let (kind, id) = (record.kind.as_bytes(), record.id.as_bytes());
        let lengths = [length(record.kind), length(&record.id)];
        let hash = sha256(&[b"hefu audit record 1\n", &before, &numbers, &lengths[0], kind, &lengths[1], id, &digest]);
        if mistake != "unchained" {
            before.clone_from(&hash);
        }
        all.push(hash);
    }
    all
}

fn cases(seed: u64) -> Vec<Case> {
    let mut source = source(120, seed);
    let mut record = |kind: &'static str, content: &str| Record {
        time: 1_790_000_000_000 + source.bits() % 1_000_000,
        clock: source.bits() % 1_000_000,
        kind,
        id: format!("{:016x}", source.bits()),
        content: content.to_owned(),
    };
    let all = [
        ("one record", vec![record("event", "{\"event\":\"start\"}")]),
        (
            "three records",
            vec![record("event", "{}"), record("answer", "{\"text\":\"2\"}"), record("event", "{\"a\":1}")],
        ),
        (
            "letters of all kinds",
            vec![record("answer", "{\"text\":\"合符\"}"), record("annotation", "{\"by\":\"某\"}")],
        ),
    ];
    let to_case = |(name, records): (&str, Vec<Record>)| {
        let log = sha256(&[name.as_bytes()]);
        let mut input = vec![Word::Text(hex(&log)), whole(records.len() as i64)];
        for record in &records {
            input.extend([whole(record.time), whole(record.clock)]);
            input.extend([record.kind, &record.id].map(|text| Word::Text(text.to_owned())));
            input.push(Word::Text(hex(record.content.as_bytes())));
        }
        let of = |mistake: &str| -> Vec<Word> {
            hashes(&log, &records, mistake).iter().map(|hash| Word::Text(hex(hash))).collect()
        };
        case(name, input, of(""), MISTAKES, of)
    };
    all.into_iter().map(to_case).collect()
}
