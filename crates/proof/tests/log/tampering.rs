//! Ten thousand small changes to receipts and logs, each of which must be noticed.

use crate::support::{examine, identity, is_good_for, log, receipt};
use hefu_proof::Receipt;
use hefu_proof::audit::{Event, Options, Reader, Row, Store, examine_export};
use rusqlite::types::Value;
use std::path::Path;

/// Bits flipped in receipts.
const RECEIPT_BITS: usize = 3000;
/// Bits flipped in exported logs.
const EXPORT_BITS: usize = 2000;
/// Fields of rows changed, with SQL, after the triggers were dropped and put back.
const FIELDS: usize = 2000;
/// Rows removed, doubled or swapped in the same way.
const ROWS: usize = 500;
/// Bits flipped in the database's file.
const FILE_BITS: usize = 2500;

/// The splitmix64 generator, so that every run does the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.below(bytes.len());
        bytes[at] ^= 1 << self.below(8);
    }
}

#[test]
fn every_flipped_bit_of_a_receipt_is_noticed() {
    let mut random = Random(1);
    let mut noticed = 0;
    for number in 0..RECEIPT_BITS {
        let original = receipt(number as u64 % 40);
        let mut bytes = original.to_text().into_bytes();
        // The line break at the end is layout and no part of the document.
        bytes.pop();
        random.flip(&mut bytes);
        let changed = std::str::from_utf8(&bytes).ok().map(Receipt::parse);
        noticed += usize::from(!matches!(changed, Some(Ok(_))));
    }
    println!("receipts: {noticed} of {RECEIPT_BITS} flipped bits noticed");
    assert_eq!(noticed, RECEIPT_BITS);
}

#[test]
fn every_flipped_bit_of_an_export_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    log(&path, 20, Options { checkpoint_every: 8, store: Store::Text, ..Options::default() });
    let mut export = Vec::new();
    Reader::open(&path).unwrap().export(&mut export).unwrap();
    let mut random = Random(2);
    let mut noticed = 0;
    for _ in 0..EXPORT_BITS {
        let mut changed = export.clone();
        random.flip(&mut changed);
        noticed += usize::from(!examine_export(&mut &changed[..], None, &mut |_| {}).unwrap().problems.is_empty());
    }
    println!("exports: {noticed} of {EXPORT_BITS} flipped bits noticed");
    assert_eq!(noticed, EXPORT_BITS);
}

/// Everything that a log says, or that it cannot be read.
fn contents(path: &Path) -> Option<Vec<Row>> {
    let mut rows = Vec::new();
    let push = |row| {
        rows.push(row);
        Ok::<(), hefu_proof::audit::Error>(())
    };
    Reader::open(path).ok()?.rows(push).ok()?;
    Some(rows)
}

/// True if an examination finds something, or there is nothing to examine any more.
fn is_noticed(path: &Path) -> bool {
    Reader::open(path).is_err() || !is_good_for(&examine(path), &identity().public())
}

/// A small log of every kind of row, in one file.
fn original(folder: &Path) -> std::path::PathBuf {
    let path = folder.join("original.db");
    log(&path, 24, Options { checkpoint_every: 6, store: Store::Text, ..Options::default() });
    let log = crate::support::open(&path, Options { checkpoint_every: 6, ..Options::default() });
    log.prune(1_790_000_000_007).unwrap();
    log.redact("answer-000009", "somebody asked for it").unwrap();
    log.annotate(crate::support::annotated(11)).unwrap();
    log.note(Event::new("stop", serde_json::json!({"by": "a test"})).unwrap()).unwrap();
    let mark = Reader::open(&path).unwrap().unstamped().unwrap().unwrap();
    log.stamp(mark.seq, &crate::support::stamp(&mark.hash)).unwrap();
    log.close().unwrap();
    assert_eq!(examine(&path).problems, Vec::<String>::new());
    assert!(!folder.join("original.db-wal").exists());
    path
}

/// Changes a copy of the log by SQL as whoever owns the file can: without triggers, which are put back after.
fn with_sql(original: &Path, change: impl FnOnce(&rusqlite::Connection)) -> std::path::PathBuf {
    let copy = original.with_file_name("changed.db");
    std::fs::copy(original, &copy).unwrap();
    let connection = rusqlite::Connection::open(&copy).unwrap();
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE").unwrap();
    let mut statement = connection.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let triggers: Vec<(String, String)> =
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect();
    drop(statement);
    triggers.iter().for_each(|(name, _)| connection.execute_batch(&format!("DROP TRIGGER {name}")).unwrap());
    change(&connection);
    triggers.iter().for_each(|(_, sql)| connection.execute_batch(sql).unwrap());
    copy
}

const TABLES: [(&str, &[&str]); 7] = [
    ("log", &["name", "created"]),
    (
        "records",
        &["seq", "type", "id", "time", "clock", "digest", "content", "content", "content", "prev_hash", "hash"],
    ),
    ("checkpoints", &["seq", "time", "hash", "key", "signature"]),
    ("prunings", &["first", "seq", "time", "hash", "key", "signature"]),
    ("redactions", &["seq", "time", "hash", "key", "signature"]),
    ("stamps", &["token", "seq", "time", "hash", "key", "signature"]),
    ("head", &["seq", "time", "hash", "key", "signature", "clock", "boot", "uptime"]),
];

#[test]
fn every_changed_field_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let original = original(folder.path());
    let mut random = Random(3);
    let (mut tried, mut noticed) = (0, 0);
    while tried < FIELDS {
        // Mostly records: they are what a log is for.
        let (table, columns) = TABLES[[0, 1, 1, 1, 1, 1, 2, 3, 4, 5, 6][random.below(11)]];
        let column = columns[random.below(columns.len())];
        let mut changed = false;
        let copy = with_sql(&original, |connection| {
            let rows: i64 =
                connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap();
            let row = random.below(rows as usize) as i64;
            let find = format!("SELECT rowid, {column} FROM {table} ORDER BY rowid LIMIT 1 OFFSET ?");
            let (id, value): (i64, Value) =
                connection.query_row(&find, [row], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let new = match value {
                Value::Integer(number) => Value::Integer(number ^ (1 << random.below(40))),
                Value::Text(text) => {
                    let mut bytes = text.into_bytes();
                    random.flip(&mut bytes);
                    match String::from_utf8(bytes) {
                        Ok(text) => Value::Text(text),
                        Err(_) => return,
                    }
                }
                // Nothing to change: what the record said was taken away.
                _ => return,
            };
            let update = format!("UPDATE {table} SET {column} = ? WHERE rowid = ?");
            // A change that the table itself refuses is none.
            changed = connection.execute(&update, (new, id)).is_ok_and(|count| count == 1);
        });
        if changed {
            tried += 1;
            noticed += usize::from(is_noticed(&copy));
        }
    }
    println!("fields: {noticed} of {FIELDS} changes by SQL noticed");
    assert_eq!(noticed, FIELDS);
}

#[test]
fn every_row_that_is_removed_put_in_or_moved_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let original = original(folder.path());
    let mut random = Random(4);
    let mut noticed = 0;
    for number in 0..ROWS {
        let seq = 7 + random.below(18) as i64;
        let other = 7 + (seq - 7 + 1 + random.below(17) as i64) % 18;
        let copy = with_sql(&original, |connection| {
            let sql = match number % 5 {
                0 => format!("DELETE FROM records WHERE seq = {seq}"),
                // The end of the log, from here on.
                1 => format!("DELETE FROM records WHERE seq >= {seq}; DELETE FROM checkpoints WHERE seq >= {seq}"),
                // The beginning.
                2 => {
                    format!("DELETE FROM records WHERE seq <= {seq} AND {seq} < 24; DELETE FROM head WHERE {seq} = 24")
                }
                3 => format!(
                    "INSERT INTO records SELECT seq + 100, type, id || '-copy', time, clock, digest, content, prev_hash, \
                     hash FROM records WHERE seq = {seq}"
                ),
                _ => format!(
                    "UPDATE records SET seq = -1 WHERE seq = {seq}; UPDATE records SET seq = {seq} WHERE seq = {other}; \
                     UPDATE records SET seq = {other} WHERE seq = -1"
                ),
            };
            connection.execute_batch(&sql).unwrap();
        });
        noticed += usize::from(is_noticed(&copy));
    }
    println!("rows: {noticed} of {ROWS} removals, copies and swaps noticed");
    assert_eq!(noticed, ROWS);
}

#[test]
fn a_flipped_bit_of_the_file_is_noticed_or_changes_nothing_that_the_log_says() {
    let folder = tempfile::tempdir().unwrap();
    let original = original(folder.path());
    let said = contents(&original).unwrap();
    let file = std::fs::read(&original).unwrap();
    let copy = folder.path().join("changed.db");
    let mut random = Random(5);
    let (mut noticed, mut without_effect) = (0, 0);
    while noticed < FILE_BITS {
        let mut bytes = file.clone();
        random.flip(&mut bytes);
        std::fs::write(&copy, &bytes).unwrap();
        if is_noticed(&copy) {
            noticed += 1;
        } else {
            // Space that no row uses, or the like.
            assert_eq!(contents(&copy).as_ref(), Some(&said), "a change was not noticed");
            without_effect += 1;
        }
    }
    println!(
        "files: {noticed} of {noticed} flipped bits that change what the log says noticed; {without_effect} more fell \
         into unused space and changed nothing"
    );
}

#[test]
fn the_database_itself_refuses_changes() {
    let folder = tempfile::tempdir().unwrap();
    let original = original(folder.path());
    let connection = rusqlite::Connection::open(&original).unwrap();
    for sql in [
        "UPDATE records SET content = 'other' WHERE seq = 10",
        "UPDATE records SET content = NULL WHERE seq = 10",
        "UPDATE records SET content = NULL, hash = 'x' WHERE seq = 9",
        "UPDATE records SET content = 'put back' WHERE seq = 9",
        "UPDATE redactions SET seq = 10",
        "DELETE FROM redactions",
        "UPDATE stamps SET token = ''",
        "DELETE FROM stamps",
        "DELETE FROM records WHERE seq = 9",
        "DELETE FROM records",
        "UPDATE checkpoints SET time = 1",
        "DELETE FROM checkpoints",
        "UPDATE prunings SET seq = 20",
        "DELETE FROM prunings",
        "DELETE FROM head",
        "UPDATE log SET name = 'x'",
        "REPLACE INTO log (number, name, created) VALUES (1, 'x', 1)",
    ] {
        let refused = connection.execute_batch(&format!("PRAGMA recursive_triggers = ON; {sql}")).unwrap_err();
        assert!(refused.to_string().contains("cannot be changed"), "{sql}: {refused}");
    }
    drop(connection);
    assert_eq!(examine(&original).problems, Vec::<String>::new());
}
