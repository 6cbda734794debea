//! The tables of a log, opening it, and its last row.

use super::clock::{Clock, Tick};
use super::error::Error;
use super::rows::{Head, Log, Mark};
use crate::digest::Digest;
use crate::identity::{Identity, PublicKey, Signature};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};
use std::path::Path;

/// By which the file is known as a log of this program ("HEFU").
const APPLICATION_ID: i32 = 0x4845_4655;
/// The version of the tables.
const USER_VERSION: i32 = 1;
/// Longest value that is read, in bytes: the longest content of a record, with room for the rest of its row.
const MAX_VALUE_BYTES: i32 = (super::MAX_CONTENT_BYTES + (1 << 20)) as i32;
/// Most objects of a schema that are looked at: more than a log has.
const MAX_OBJECTS: i64 = 40;
/// Longest wait of a reader or writer for the other, in milliseconds.
const BUSY_MILLISECONDS: u64 = 10_000;

/// Every object of the schema, in the words in which SQLite keeps them, tables first.
///
/// Records, checkpoints, prunings, redactions and stamps can be added and nothing else: a change is refused by the database
/// itself, and so is a removal that no pruning covers, of a record or of its content. The head alone changes, with every
/// commit.
pub(super) const OBJECTS: [(&str, &str); 20] = [
    (
        "log",
        "CREATE TABLE log (number INTEGER PRIMARY KEY CHECK (number = 1), name TEXT NOT NULL, created INTEGER NOT NULL) STRICT",
    ),
    (
        "records",
        "CREATE TABLE records (seq INTEGER PRIMARY KEY, type TEXT NOT NULL, id TEXT NOT NULL UNIQUE, time INTEGER NOT NULL, clock INTEGER NOT NULL, digest TEXT NOT NULL, content TEXT, prev_hash TEXT NOT NULL, hash TEXT NOT NULL) STRICT",
    ),
    (
        "checkpoints",
        "CREATE TABLE checkpoints (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL) STRICT",
    ),
    (
        "prunings",
        "CREATE TABLE prunings (first INTEGER PRIMARY KEY, seq INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL) STRICT",
    ),
    (
        "redactions",
        "CREATE TABLE redactions (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL) STRICT",
    ),
    (
        "stamps",
        "CREATE TABLE stamps (token TEXT NOT NULL, seq INTEGER PRIMARY KEY, time INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL) STRICT",
    ),
    (
        "head",
        "CREATE TABLE head (number INTEGER PRIMARY KEY CHECK (number = 1), seq INTEGER NOT NULL, time INTEGER NOT NULL, hash TEXT NOT NULL, key TEXT NOT NULL, signature TEXT NOT NULL, clock INTEGER NOT NULL, boot TEXT NOT NULL, uptime INTEGER NOT NULL) STRICT",
    ),
    (
        "log_update",
        "CREATE TRIGGER log_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "log_delete",
        "CREATE TRIGGER log_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "records_update",
        "CREATE TRIGGER records_update BEFORE UPDATE ON records WHEN NEW.content IS NOT NULL OR NEW.seq <> OLD.seq OR NEW.type <> OLD.type OR NEW.id <> OLD.id OR NEW.time <> OLD.time OR NEW.clock <> OLD.clock OR NEW.digest <> OLD.digest OR NEW.prev_hash <> OLD.prev_hash OR NEW.hash <> OLD.hash OR OLD.seq NOT IN (SELECT seq FROM redactions) BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "records_delete",
        "CREATE TRIGGER records_delete BEFORE DELETE ON records WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM prunings) BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "checkpoints_update",
        "CREATE TRIGGER checkpoints_update BEFORE UPDATE ON checkpoints BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "checkpoints_delete",
        "CREATE TRIGGER checkpoints_delete BEFORE DELETE ON checkpoints WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM prunings) BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "prunings_update",
        "CREATE TRIGGER prunings_update BEFORE UPDATE ON prunings BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "prunings_delete",
        "CREATE TRIGGER prunings_delete BEFORE DELETE ON prunings BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "redactions_update",
        "CREATE TRIGGER redactions_update BEFORE UPDATE ON redactions BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "redactions_delete",
        "CREATE TRIGGER redactions_delete BEFORE DELETE ON redactions WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM prunings) BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "stamps_update",
        "CREATE TRIGGER stamps_update BEFORE UPDATE ON stamps BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "stamps_delete",
        "CREATE TRIGGER stamps_delete BEFORE DELETE ON stamps WHEN OLD.seq > (SELECT coalesce(max(seq), 0) FROM prunings) BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
    (
        "head_delete",
        "CREATE TRIGGER head_delete BEFORE DELETE ON head BEGIN SELECT RAISE(ABORT, 'the audit log cannot be changed'); END",
    ),
];
/// Number of tables among them.
const TABLES: usize = 7;

/// The end of a log: where the next record goes on from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The digest of the log's beginning.
    pub(super) log: Digest,
    /// The last record; 0 before the first.
    pub(super) seq: u64,
    /// Its hash, or the digest of the beginning.
    pub(super) hash: Digest,
    /// The log's own time when that was signed.
    pub(super) tick: Tick,
}

/// Opens a log for writing; makes its tables if the file is empty. A commit is on the disk when it returns.
pub(super) fn open_to_write(path: &Path, identity: &Identity, now: u64) -> Result<(Connection, End), Error> {
    let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
    let mut connection = open(path)?;
    // Removed content is not to be found in the log's file.
    connection.pragma_update(None, "secure_delete", true).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let objects: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    if objects == 0 {
        create(&mut connection, path, identity, now)?;
    }
    check_kind(&connection, path)?;
    if let Some(difference) = differences(&connection).map_err(failed)?.into_iter().next() {
        return Err(Error::Changed { path: path.to_owned(), reason: difference.sentence });
    }
    let end = end(&connection, path)?;
    Ok((connection, end))
}

/// Opens a log for reading. Nothing is asked of its tables before they are known to be tables: what a stranger's file calls
/// a table may be a view that computes for ever.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, Error> {
    if !path.is_file() {
        return Err(Error::Missing { path: path.to_owned() });
    }
    let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
    let connection = open(path)?;
    connection.pragma_update(None, "query_only", true).map_err(failed)?;
    check_kind(&connection, path)?;
    let differences = differences(&connection).map_err(failed)?;
    if let Some(difference) = differences.into_iter().find(|difference| difference.is_danger) {
        return Err(Error::Foreign { path: path.to_owned(), reason: difference.sentence });
    }
    Ok(connection)
}

/// Opens a file that somebody else may have made: no part of its schema is trusted, and no value is longer than a log's.
/// It is never made, and where it may be written, SQLite can clear its own files away after.
fn open(path: &Path) -> Result<Connection, Error> {
    let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MILLISECONDS)).map_err(failed)?;
    for (setting, is_on) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
    ] {
        connection.set_db_config(setting, is_on).map_err(failed)?;
    }
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES).map_err(failed)?;
    Ok(connection)
}

/// Something in which a schema is not that of a log.
#[derive(Debug)]
pub(super) struct Difference {
    /// What, as a sentence.
    pub(super) sentence: String,
    /// True if it could make a question mean something else; a trigger that is missing cannot.
    pub(super) is_danger: bool,
}

/// In what the schema is not that of a log.
pub(super) fn differences(connection: &Connection) -> rusqlite::Result<Vec<Difference>> {
    let query =
        "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL OR name NOT LIKE 'sqlite_autoindex_%' LIMIT ?";
    let mut statement = connection.prepare(query)?;
    let found = statement.query_map([MAX_OBJECTS], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut found: Vec<(String, Option<String>)> = found.collect::<rusqlite::Result<_>>()?;
    let mut differences = Vec::new();
    for (index, (name, sql)) in OBJECTS.into_iter().enumerate() {
        match found.iter().position(|(found, _)| found == name) {
            None => {
                differences.push(Difference { sentence: format!("its {name} is missing"), is_danger: index < TABLES });
            }
            Some(at) if found.swap_remove(at).1.as_deref() != Some(sql) => {
                differences.push(Difference { sentence: format!("its {name} was defined anew"), is_danger: true });
            }
            Some(_) => {}
        }
    }
    let foreign =
        |(name, _)| Difference { sentence: format!("it holds {name:?}, which no audit log has"), is_danger: true };
    differences.extend(found.into_iter().map(foreign));
    Ok(differences)
}

fn create(connection: &mut Connection, path: &Path, identity: &Identity, now: u64) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
    let name = Identity::random().map_err(|error| Error::Identity(error.into()))?.public().to_string();
    let log = Log { name, created: now };
    let transaction = connection.transaction().map_err(failed)?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
    transaction.pragma_update(None, "user_version", USER_VERSION).map_err(failed)?;
    for (_, sql) in OBJECTS {
        transaction.execute_batch(sql).map_err(failed)?;
    }
    let insert = "INSERT INTO log (number, name, created) VALUES (1, ?, ?)";
    transaction.execute(insert, (&log.name, Number(log.created))).map_err(failed)?;
    let digest = log.digest();
    let tick = Clock::after(&Tick::default()).tick();
    write_head(&transaction, &Head::sign(&digest, 0, digest, now, Tick { clock: 0, ..tick }, identity))
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

fn check_kind(connection: &Connection, path: &Path) -> Result<(), Error> {
    let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(failed);
    let (kind, version) = (pragma("application_id")?, pragma("user_version")?);
    let foreign = |reason: String| Error::Foreign { path: path.to_owned(), reason };
    if kind == 0 && std::fs::metadata(path).is_ok_and(|file| file.len() == 0) {
        return Err(foreign("it is empty".to_owned()));
    }
    if kind != APPLICATION_ID {
        return Err(foreign("it is another program's database".to_owned()));
    }
    if version != USER_VERSION {
        return Err(foreign(format!("its version is {version}, not {USER_VERSION}")));
    }
    Ok(())
}

/// Where a log ends, by its head, which must agree with the last record.
fn end(connection: &Connection, path: &Path) -> Result<End, Error> {
    let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
    let changed = |reason: &str| Error::Changed { path: path.to_owned(), reason: reason.to_owned() };
    let log = read_log(connection).map_err(failed)?.ok_or_else(|| changed("its beginning is missing"))?.digest();
    let head = read_head(connection).map_err(failed)?.ok_or_else(|| changed("its head is missing"))?;
    if !head.is_signed(&log) {
        return Err(changed("its head is not signed by the key that it names"));
    }
    let last: Option<(Number, Digest)> = connection
        .query_row("SELECT seq, hash FROM records ORDER BY seq DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(failed)?;
    let pruned: Option<(Number, Digest)> = connection
        .query_row("SELECT seq, hash FROM prunings ORDER BY seq DESC LIMIT 1", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(failed)?;
    let (seq, hash) = last.or(pruned).map_or((0, log), |(seq, hash)| (seq.0, hash));
    if (seq, hash) != (head.last.seq, head.last.hash) {
        return Err(changed("its last record is not the one that its head names"));
    }
    Ok(End { log, seq, hash, tick: head.tick })
}

pub(super) fn read_log(connection: &Connection) -> rusqlite::Result<Option<Log>> {
    let read = |row: &Row<'_>| Ok(Log { name: row.get(0)?, created: row.get::<_, Number>(1)?.0 });
    connection.query_row("SELECT name, created FROM log", [], read).optional()
}

pub(super) fn read_head(connection: &Connection) -> rusqlite::Result<Option<Head>> {
    let query = "SELECT seq, time, hash, key, signature, clock, boot, uptime FROM head";
    let read = |row: &Row<'_>| {
        let tick = Tick { clock: row.get::<_, Number>(5)?.0, boot: row.get(6)?, uptime: row.get::<_, Number>(7)?.0 };
        Ok(Head { last: mark(row, 0)?, tick })
    };
    connection.query_row(query, [], read).optional()
}

pub(super) fn write_head(connection: &Connection, head: &Head) -> rusqlite::Result<usize> {
    let insert = "INSERT INTO head (number, seq, time, hash, key, signature, clock, boot, uptime) \
                  VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET seq = excluded.seq, \
                  time = excluded.time, hash = excluded.hash, key = excluded.key, signature = excluded.signature, \
                  clock = excluded.clock, boot = excluded.boot, uptime = excluded.uptime";
    let (last, tick) = (&head.last, &head.tick);
    connection.prepare(insert)?.execute((
        Number(last.seq),
        Number(last.time),
        &last.hash,
        &last.key,
        &last.signature,
        Number(tick.clock),
        &tick.boot,
        Number(tick.uptime),
    ))
}

/// The five columns of a [`Mark`], from column `first` on.
pub(super) fn mark(row: &Row<'_>, first: usize) -> rusqlite::Result<Mark> {
    Ok(Mark {
        seq: row.get::<_, Number>(first)?.0,
        time: row.get::<_, Number>(first + 1)?.0,
        hash: row.get(first + 2)?,
        key: row.get(first + 3)?,
        signature: row.get(first + 4)?,
    })
}

/// A number that is not negative, in SQLite's signed column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl ToSql for Number {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let number = i64::try_from(self.0).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        Ok(number.into())
    }
}

impl FromSql for Number {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Self).map_err(|_| FromSqlError::OutOfRange(number))
    }
}

/// Columns with the text form of a type.
macro_rules! text_column {
    ($type:ty) => {
        impl ToSql for $type {
            fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
                Ok(String::from(*self).into())
            }
        }

        impl FromSql for $type {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
                let parsed = Self::try_from(value.as_str()?.to_owned());
                parsed.map_err(|sentence| FromSqlError::Other(sentence.into()))
            }
        }
    };
}
text_column!(Digest);
text_column!(PublicKey);
text_column!(Signature);
