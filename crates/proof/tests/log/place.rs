//! The log's file: whose it is, where it is, and what a stranger's file may do.

use crate::support::{identity, log, open, record};
use hefu_proof::audit::{AuditLog, Error, Options, Reader};
use std::path::Path;

/// The log's error once something was done to its file.
#[cfg(unix)]
fn after(change: impl Fn(&Path)) -> Result<u64, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let log = open(&path, Options::default());
    log.append(record(1)).unwrap();
    change(&path);
    let moved = log.is_in_place();
    let appended = log.append(record(2));
    assert_eq!(moved.is_err(), appended.is_err(), "{moved:?}");
    assert_eq!(log.probe().is_err(), appended.is_err());
    let closed = log.close();
    assert_eq!(closed.is_err(), appended.is_err());
    appended.map(|appended| appended.seq)
}

#[cfg(unix)]
fn beside(path: &Path, end: &str) -> std::path::PathBuf {
    path.with_file_name(format!("audit.db{end}"))
}

#[cfg(unix)]
#[test]
fn a_log_that_is_no_longer_where_it_was_takes_no_records() {
    use std::fs;
    use std::os::unix::fs::symlink;
    for (change, named) in [
        (&(|path: &Path| fs::remove_file(path).unwrap()) as &dyn Fn(&Path), "removed or renamed"),
        (
            &|path: &Path| ["", "-wal", "-shm"].iter().for_each(|end| fs::remove_file(beside(path, end)).unwrap()),
            "removed",
        ),
        (&|path: &Path| fs::rename(path, beside(path, ".1")).unwrap(), "removed or renamed"),
        (&|path: &Path| fs::hard_link(path, beside(path, ".2")).unwrap(), "second name"),
        (
            &|path: &Path| {
                fs::rename(path, beside(path, ".1")).unwrap();
                symlink(beside(path, ".1"), path).unwrap();
            },
            "symbolic link",
        ),
        (
            &|path: &Path| {
                fs::copy(path, beside(path, ".1")).unwrap();
                fs::rename(beside(path, ".1"), path).unwrap();
            },
            "another file",
        ),
        (&|path: &Path| fs::remove_file(beside(path, "-wal")).unwrap(), "-wal"),
    ] {
        let said = after(change).unwrap_err();
        assert!(matches!(said, Error::Moved { .. }) && said.to_string().contains(named), "{named}: {said}");
    }
    // Put back in time, it goes on.
    let back = |path: &Path| {
        fs::rename(path, beside(path, ".1")).unwrap();
        fs::rename(beside(path, ".1"), path).unwrap();
    };
    assert_eq!(after(back).unwrap(), 2);
}

#[cfg(unix)]
#[test]
fn a_log_has_one_writer_by_any_name_and_is_its_owners_alone() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    let link = folder.path().join("link.db");
    log(&path, 2, Options::default());
    symlink(&path, &link).unwrap();
    let first = open(&link, Options::default());
    for name in [&path, &link, &folder.path().join("./audit.db")] {
        assert!(matches!(AuditLog::open(name, identity(), Options::default()), Err(Error::InUse { .. })));
    }
    first.append(record(3)).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let mode = std::fs::metadata(file.as_ref().unwrap().path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file:?}");
    }
    first.close().unwrap();
    // Under two names two programs would keep what is not in the file yet in two places.
    std::fs::hard_link(&path, folder.path().join("hard.db")).unwrap();
    let refused = AuditLog::open(&path, identity(), Options::default()).unwrap_err();
    assert!(matches!(refused, Error::Moved { .. }), "{refused}");
}

#[test]
fn a_strangers_file_is_not_asked_before_its_tables_are_known_to_be_tables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.db");
    for (sql, named) in [
        (
            "DROP TABLE records; CREATE VIEW records AS WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) \
          SELECT x AS seq, 'event' AS type, x AS id, 1 AS time, 1 AS clock, '' AS digest, '' AS content, '' AS prev_hash, \
          '' AS hash FROM n",
            "its records was defined anew",
        ),
        ("CREATE VIEW more AS SELECT 1", "more"),
        ("CREATE TRIGGER late AFTER INSERT ON records BEGIN DELETE FROM log; END", "late"),
        ("CREATE TABLE notes (x)", "notes"),
        ("DROP TABLE stamps", "its stamps is missing"),
        ("CREATE INDEX fast ON records (time)", "fast"),
    ] {
        let _ = std::fs::remove_file(&path);
        log(&path, 3, Options::default());
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.execute_batch("PRAGMA journal_mode = DELETE").unwrap();
        connection.execute_batch(sql).unwrap();
        drop(connection);
        let refused = Reader::open(&path).unwrap_err();
        assert!(matches!(refused, Error::Foreign { .. }) && refused.to_string().contains(named), "{named}: {refused}");
        assert!(AuditLog::open(&path, identity(), Options::default()).is_err(), "{named}");
    }
    // A trigger that is gone makes no question mean something else: the log can be read, and it is told.
    let _ = std::fs::remove_file(&path);
    log(&path, 3, Options::default());
    rusqlite::Connection::open(&path).unwrap().execute_batch("DROP TRIGGER records_update").unwrap();
    assert_eq!(crate::support::examine(&path).problems, ["its records_update is missing"]);
}
