//! Killed at any moment: what was acknowledged is there, and the chain holds.

use crate::support::{examine, open, record};
use hefu_proof::audit::{Filter, Options, Reader};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// Number of times that the child is killed.
const KILLS: u64 = 40;
/// The variable that names the log to the child.
const LOG: &str = "HEFU_TEST_AUDIT_LOG";

/// The child: records on four threads, and says each number only after it is acknowledged.
#[test]
#[ignore = "a part of the test below, which starts and kills it"]
fn child() {
    let Some(path) = std::env::var_os(LOG) else { return };
    let log = open(Path::new(&path), Options { checkpoint_every: 7, ..Options::default() });
    let first = Reader::open(Path::new(&path)).unwrap().count().unwrap() * 1000;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                for number in first + thread * 100_000_000.. {
                    log.append(record(number)).unwrap();
                    let mut out = std::io::stdout().lock();
                    writeln!(out, "acknowledged answer-{number:06}").unwrap();
                    out.flush().unwrap();
                }
            });
        }
    });
}

#[test]
fn nothing_acknowledged_is_missing_after_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let mut acknowledged = BTreeSet::new();
    let mut random = 12_345_u64;
    for _ in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child", "--ignored", "--nocapture", "--test-threads=1"])
            .env(LOG, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || loop {
            let line = lines.next()?.ok()?;
            if let Some(at) = line.find("acknowledged ") {
                return Some(line[at + "acknowledged ".len()..].to_owned());
            }
        };
        // Not before it has begun, then at any moment of the next few commits.
        acknowledged.extend(next());
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        std::thread::sleep(Duration::from_micros((random >> 40) % 30_000));
        child.kill().unwrap();
        child.wait().unwrap();
        // A line that was cut is no acknowledgement; what is in the pipe is.
        while let Some(id) = next() {
            if id.len() >= "answer-000000".len() {
                acknowledged.insert(id);
            }
        }
        let found = examine(&path);
        assert_eq!(found.problems, Vec::<String>::new());
    }
    let mut there = BTreeSet::new();
    let reader = Reader::open(&path).unwrap();
    reader
        .each::<hefu_proof::audit::Error>(&Filter::default(), |entry| {
            there.insert(entry.id);
            Ok(())
        })
        .unwrap();
    let missing: Vec<_> = acknowledged.difference(&there).collect();
    println!(
        "{KILLS} kills, {} answers acknowledged, {} recorded, {} missing",
        acknowledged.len(),
        there.len(),
        missing.len()
    );
    assert!(missing.is_empty(), "{missing:?}");
    assert!(acknowledged.len() as u64 >= KILLS);
}
