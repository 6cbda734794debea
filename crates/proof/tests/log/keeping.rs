//! Written rows are there, in order, once, and can be examined.

use crate::support::{annotated, examine, identity, is_good_for, log, open, receipt, receipt_at, record, stamp};
use hefu_proof::audit::{AuditLog, Error, Event, Filter, Options, Reader, Record, Store, examine_export};
use hefu_proof::{Digest, Identity, Receipt};
use std::sync::mpsc;
use std::time::Duration;

#[test]
fn many_callers_are_answered_once_each_and_in_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let log = open(&path, Options { checkpoint_every: 50, ..Options::default() });
    let mut seqs: Vec<u64> = std::thread::scope(|scope| {
        let log = &log;
        let threads = (0..8).map(|thread| {
            scope.spawn(move || (0..40).map(|n| log.append(record(thread * 100 + n)).unwrap().seq).collect::<Vec<_>>())
        });
        threads.collect::<Vec<_>>().into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    seqs.sort_unstable();
    assert_eq!(seqs, (1..=320).collect::<Vec<_>>());
    let (send, receive) = mpsc::channel();
    log.append_then(record(9000), move |outcome| send.send(outcome).unwrap());
    assert_eq!(receive.recv().unwrap().unwrap().seq, 321);
    // A reader may look while it is written.
    assert_eq!(examine(&path).problems, Vec::<String>::new());
    log.close().unwrap();
    let found = examine(&path);
    assert_eq!((found.problems, found.records, found.head.unwrap().0), (vec![], 321, 321));
    assert!(found.checkpoints >= 321 / 50 && found.checkpoints <= 321 / 50 + 2, "{}", found.checkpoints);
}

#[test]
fn a_log_goes_on_where_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    log(&path, 5, Options::default());
    let again = open(&path, Options::default());
    let second = AuditLog::open(&path, identity(), Options::default());
    assert!(matches!(second, Err(Error::InUse { .. })));
    assert!(matches!(again.append(record(3)), Err(Error::Duplicate { .. })));
    assert_eq!(again.append(record(6)).unwrap().seq, 6);
    drop(again);
    // Another key from here on, as when a machine is replaced.
    let other = Identity::from_seed(&[9; 32]);
    let third = AuditLog::open(&path, other.clone(), Options::default()).unwrap();
    assert_eq!(third.append(record(7)).unwrap().seq, 7);
    third.close().unwrap();
    let found = examine(&path);
    assert_eq!((&found.problems, found.records, found.checkpoints), (&vec![], 7, 3));
    assert_eq!(found.keys.keys().collect::<Vec<_>>().len(), 2);
    assert!(!is_good_for(&found, &identity().public()) && !is_good_for(&found, &other.public()));
}

#[test]
fn what_is_stored_is_what_was_chosen() {
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::Ids, Store::Text, Store::Hashes] {
        let path = folder.path().join(store.name());
        log(&path, 3, Options { store, ..Options::default() });
        let reader = Reader::open(&path).unwrap();
        let entry = reader.find("answer-000002").unwrap().unwrap();
        assert_eq!(reader.find("2").unwrap().as_ref(), Some(&entry));
        let answer = entry.answer().unwrap();
        assert_eq!((answer.store.as_str(), answer.receipt_digest), (store.name(), *receipt(2).digest()));
        assert_eq!(answer.text_digest, Digest::of(&[b"The text of answer 2."]));
        assert_eq!(answer.started, receipt(2).answer().started);
        assert_eq!(answer.receipt.is_some(), store != Store::Hashes);
        assert_eq!(answer.text.as_deref(), (store == Store::Text).then_some("The text of answer 2."));
        if let Some(text) = &answer.receipt {
            assert_eq!(Receipt::parse(text).unwrap(), receipt(2));
        }
        assert_eq!(examine(&path).problems, Vec::<String>::new());
        if store == Store::Hashes {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(8).any(|bytes| bytes == b"The text" || bytes == b"\"output\""));
        }
    }
}

#[test]
fn records_are_found_by_time_client_and_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    log(&path, 30, Options::default());
    let reader = Reader::open(&path).unwrap();
    let found = |filter: Filter| {
        let mut seqs = Vec::new();
        reader
            .each::<Error>(&filter, |entry| {
                seqs.push(entry.seq);
                Ok(())
            })
            .unwrap();
        seqs
    };
    assert_eq!(found(Filter { last: Some(3), ..Filter::default() }), [28, 29, 30]);
    let time = 1_790_000_000_000;
    assert_eq!(found(Filter { since: Some(time + 4), until: Some(time + 7), ..Filter::default() }), [4, 5, 6]);
    assert_eq!(found(Filter { from: Some(25), client: Some("client-0".into()), ..Filter::default() }), [27, 30]);
    assert!(found(Filter { model: Some("other".into()), ..Filter::default() }).is_empty());
    assert_eq!(reader.count().unwrap(), 30);
    assert!(matches!(Reader::open(&folder.path().join("none")), Err(Error::Missing { .. })));
    std::fs::write(folder.path().join("text"), "no database at all, but long enough to be looked at").unwrap();
    assert!(matches!(Reader::open(&folder.path().join("text")), Err(Error::Foreign { .. })));
}

#[test]
fn whole_stretches_are_removed_and_leave_a_signed_note() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let options = Options { checkpoint_every: 10, ..Options::default() };
    let log = open(&path, options);
    for number in 1..=35 {
        log.append(record(number)).unwrap();
    }
    let time = 1_790_000_000_000;
    // Records 1 to 9 are old enough, but no checkpoint stands after any of them.
    assert_eq!(log.prune(time + 10).unwrap(), 0);
    assert_eq!(log.prune(time + 25).unwrap(), 20);
    assert_eq!(log.prune(time + 25).unwrap(), 0);
    assert_eq!(log.append(record(36)).unwrap().seq, 36);
    assert_eq!(log.prune(time + 32).unwrap(), 10);
    log.close().unwrap();
    let found = examine(&path);
    assert_eq!((found.problems, found.records, found.pruned), (vec![], 6, 30));
    // Opening removes what is old by then. Everything may go; the log goes on all the same.
    let log = open(&path, Options { keep: Some(Duration::ZERO), ..options });
    assert_eq!(Reader::open(&path).unwrap().count().unwrap(), 0);
    assert_eq!(log.prune(u64::MAX / 2).unwrap(), 0);
    assert_eq!(log.append(record(37)).unwrap().seq, 37);
    // Records as old as these go by themselves at the next checkpoint.
    for number in 38..=46 {
        log.append(record(number)).unwrap();
    }
    log.close().unwrap();
    let found = examine(&path);
    assert_eq!((found.problems, found.records, found.pruned), (vec![], 0, 46));
}

#[test]
fn a_clock_that_jumps_removes_nothing_early() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let day = Duration::from_secs(86_400);
    let options = Options { checkpoint_every: 5, keep: Some(day), ..Options::default() };
    // Records of long ago and of years to come, by a clock that was wrong then or is wrong now.
    let log = open(&path, options);
    for number in 1..=20 {
        let time = if number % 2 == 0 { 631_152_000_000 } else { 4_070_908_800_000 };
        log.append(Record { receipt: receipt_at(number, time), ..record(number) }).unwrap();
    }
    log.close().unwrap();
    let log = open(&path, options);
    log.append(record(21)).unwrap();
    log.close().unwrap();
    let found = examine(&path);
    assert_eq!((found.problems, found.records, found.pruned), (vec![], 21, 0));
}

#[test]
fn one_record_can_be_emptied_and_the_chain_still_be_checked() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    log(&path, 12, Options { checkpoint_every: 5, store: Store::Text, ..Options::default() });
    let before = Reader::open(&path).unwrap().find("7").unwrap().unwrap();
    let log = open(&path, Options::default());
    assert_eq!(log.redact("answer-000007", "its user asked for it").unwrap(), 7);
    assert!(matches!(log.redact("7", "again"), Err(Error::Unknown { .. })));
    assert!(matches!(log.redact("answer-000099", "none"), Err(Error::Unknown { .. })));
    // A refused record is no harm to the log.
    assert_eq!(log.append(record(13)).unwrap().seq, 14);
    log.close().unwrap();
    let reader = Reader::open(&path).unwrap();
    let after = reader.find("answer-000007").unwrap().unwrap();
    assert_eq!((after.content.as_ref(), after.digest, after.hash), (None, before.digest, before.hash));
    let event = reader.find("13").unwrap().unwrap();
    assert!(event.kind == "event" && event.content.unwrap().contains("its user asked for it"));
    let found = examine(&path);
    assert_eq!((found.problems, found.records, found.redacted), (vec![], 14, 1));
    // Nothing of it is left in the file.
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(21).any(|bytes| bytes == b"The text of answer 7."));
    }
    // It can be pruned like any other.
    let log = open(&path, Options::default());
    assert_eq!(log.prune(1_790_000_000_011).unwrap(), 10);
    log.close().unwrap();
    assert_eq!(examine(&path).problems, Vec::<String>::new());
}

#[test]
fn events_annotations_and_time_stamps_are_in_the_chain() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let log = open(&path, Options { checkpoint_every: 3, ..Options::default() });
    log.note(Event::new("start", serde_json::json!({"version": "0.1.0"})).unwrap()).unwrap();
    log.append(record(1)).unwrap();
    assert_eq!(log.annotate(annotated(1)).unwrap().seq, 3);
    let mark = Reader::open(&path).unwrap().unstamped().unwrap().unwrap();
    assert_eq!(mark.seq, 3);
    assert!(matches!(log.stamp(3, &stamp(&Digest::of(&[b"other"]))), Err(Error::Record(_))));
    assert!(matches!(log.stamp(2, &stamp(&mark.hash)), Err(Error::Record(_))));
    assert!(matches!(log.stamp(3, b"<html>"), Err(Error::Record(_))));
    log.stamp(3, &stamp(&mark.hash)).unwrap();
    assert_eq!(Reader::open(&path).unwrap().unstamped().unwrap(), None);
    log.close().unwrap();
    let found = examine(&path);
    assert_eq!((found.problems, found.stamps), (vec![], vec![(3, "20261124123456Z".to_owned())]));
    let reader = Reader::open(&path).unwrap();
    let mut kinds = Vec::new();
    let all = Filter::default();
    let mut note = |entry: hefu_proof::audit::Entry| kinds.push(entry.parsed().unwrap().unwrap().kind());
    reader
        .each::<Error>(&all, |entry| {
            note(entry);
            Ok(())
        })
        .unwrap();
    assert_eq!(kinds, ["event", "answer", "annotation"]);
    let mut count = 0;
    let events = Filter { kind: Some("event".to_owned()), ..Filter::default() };
    reader
        .each::<Error>(&events, |_| {
            count += 1;
            Ok(())
        })
        .unwrap();
    assert_eq!(count, 1);
    let mut export = Vec::new();
    reader.export(&mut export).unwrap();
    assert_eq!(examine_export(&mut &export[..], None, &mut |_| {}).unwrap(), examine(&path));
    // A verdict that somebody else put in the reviewer's mouth is noticed.
    let mut forged = annotated(1);
    forged.annotation.verdict = hefu_proof::audit::Verdict::Accepted;
    assert!(annotated(1).is_signed() && !forged.is_signed());
}

#[test]
fn an_export_says_what_the_log_says() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    log(&path, 25, Options { checkpoint_every: 10, store: Store::Text, ..Options::default() });
    open(&path, Options::default()).prune(1_790_000_000_011).unwrap();
    let mut export = Vec::new();
    Reader::open(&path).unwrap().export(&mut export).unwrap();
    let found = examine_export(&mut &export[..], None, &mut |_| {}).unwrap();
    assert_eq!(found, examine(&path));
    assert_eq!((found.records, found.pruned, found.problems.len()), (15, 10, 0));
    assert!(!examine_export(&mut &export[..export.len() - 1], None, &mut |_| {}).unwrap().problems.is_empty());
    assert!(!examine_export(&mut &b""[..], None, &mut |_| {}).unwrap().problems.is_empty());
}
