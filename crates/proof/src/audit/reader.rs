//! Reading a log, also while another program writes to it.

use super::authority::Trusted;
use super::error::Error;
use super::examine::{Examination, Found};
use super::rows::{Entry, Mark, Pruning, Row, Stamp};
use super::schema::{self, Number};
use crate::canonical::canonical;
use crate::digest::Digest;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Columns of a record, in the order of [`Entry`].
const COLUMNS: &str = "seq, type, id, time, clock, digest, content, prev_hash, hash";
/// Every stamp, in the order of the records.
const STAMPS: &str = "SELECT token, seq, time, hash, key, signature FROM stamps ORDER BY seq";
/// Most problems that SQLite is asked for.
const MAX_PROBLEMS: usize = 100;

/// A log that is read.
#[derive(Debug)]
pub struct Reader {
    path: PathBuf,
    connection: Connection,
}

/// Which records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this number on.
    pub from: Option<u64>,
    /// Complete at this time or later: milliseconds since 1970 (UTC).
    pub since: Option<u64>,
    /// Complete before this time.
    pub until: Option<u64>,
    /// Of this type.
    pub kind: Option<String>,
    /// Answers that this client asked for.
    pub client: Option<String>,
    /// Answers for the person of this pseudonym.
    pub user: Option<Digest>,
    /// Answers of this model.
    pub model: Option<String>,
    /// The newest of them, so many; all of them if none is given.
    pub last: Option<u64>,
}

impl Reader {
    /// Opens a log.
    ///
    /// # Errors
    /// If there is none at this path.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Ok(Self { path: path.to_owned(), connection: schema::open_to_read(path)? })
    }

    /// The record of an answer, by its id or its number.
    ///
    /// # Errors
    /// The database's error.
    pub fn find(&self, id: &str) -> Result<Option<Entry>, Error> {
        let query = format!("SELECT {COLUMNS} FROM records WHERE id = ?1 OR seq = ?2 ORDER BY id = ?1 DESC LIMIT 1");
        let seq = id.parse().map_or(-1, |number: u32| i64::from(number));
        self.connection.query_row(&query, (id, seq), entry).optional().map_err(|error| self.failed(&error))
    }

    /// Hands every record that passes to `each`, in order, until it fails.
    ///
    /// # Errors
    /// The error of the database or of `each`.
    pub fn each<E: From<Error>>(&self, filter: &Filter, mut each: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        let first = match filter.last {
            Some(most) => self.first_of_newest(filter, most)?,
            None => 0,
        };
        let (conditions, mut values) = filter.conditions();
        let query = format!("SELECT {COLUMNS} FROM records WHERE {conditions} AND seq >= ? ORDER BY seq");
        values.push(Value::Integer(first));
        let mut statement = self.connection.prepare(&query).map_err(|error| self.failed(&error))?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), entry);
        for entry in rows.map_err(|error| self.failed(&error))? {
            let entry = entry.map_err(|error| self.failed(&error))?;
            if filter.admits(&entry) {
                each(entry)?;
            }
        }
        Ok(())
    }

    /// The number of the oldest of the newest records that pass.
    fn first_of_newest(&self, filter: &Filter, most: u64) -> Result<i64, Error> {
        let (conditions, values) = filter.conditions();
        let query = format!("SELECT {COLUMNS} FROM records WHERE {conditions} ORDER BY seq DESC");
        let mut statement = self.connection.prepare(&query).map_err(|error| self.failed(&error))?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), entry);
        let (mut count, mut first) = (0, i64::MAX);
        for entry in rows.map_err(|error| self.failed(&error))? {
            if count == most {
                break;
            }
            let entry = entry.map_err(|error| self.failed(&error))?;
            if filter.admits(&entry) {
                count += 1;
                first = i64::try_from(entry.seq).unwrap_or(i64::MAX);
            }
        }
        Ok(first)
    }

    /// Hands every row to `each`, in the order of [`Row`].
    ///
    /// # Errors
    /// The error of the database or of `each`.
    pub fn rows<E: From<Error>>(&self, mut each: impl FnMut(Row) -> Result<(), E>) -> Result<(), E> {
        // One snapshot of all tables, whatever is appended meanwhile.
        self.connection.execute_batch("BEGIN").map_err(|error| self.failed(&error))?;
        let outcome = self.rows_of_snapshot(&mut each);
        let _ = self.connection.execute_batch("COMMIT");
        outcome
    }

    /// Writes every row as one line of canonical JSON.
    ///
    /// # Errors
    /// The error of the database or of the writer, in one sentence.
    pub fn export(&self, to: &mut dyn Write) -> Result<(), ExportError> {
        self.rows(|row| {
            let line = canonical(&row).map_err(Error::Record)?;
            writeln!(to, "{line}").map_err(ExportError::Write)
        })
    }

    /// Examines the database, its schema and every row. `progress` is told how many records are done.
    ///
    /// # Errors
    /// If the file cannot be read at all. What is wrong with what it says is in what is found.
    pub fn examine(&self, trusted: Option<Arc<Trusted>>, progress: &mut dyn FnMut(u64)) -> Result<Found, Error> {
        let mut examination = Examination::trusting(trusted);
        self.integrity().into_iter().for_each(|problem| examination.problem(problem));
        let read = self.rows::<Error>(|row| {
            if let Row::Record(entry) = &row {
                progress(entry.seq);
            }
            examination.push(&row);
            Ok(())
        });
        if let Err(error) = read {
            examination.problem(format!("not all of it can be read: {error}"));
        }
        Ok(examination.finish())
    }

    /// The last checkpoint, unless an authority has stamped it.
    ///
    /// # Errors
    /// The database's error.
    pub fn unstamped(&self) -> Result<Option<Mark>, Error> {
        let query = "SELECT seq, time, hash, key, signature FROM checkpoints WHERE seq > coalesce((SELECT max(seq) FROM \
                     stamps), 0) ORDER BY seq DESC LIMIT 1";
        let found = self.connection.query_row(query, [], |row| schema::mark(row, 0)).optional();
        found.map_err(|error| self.failed(&error))
    }

    /// The stamp of a checkpoint.
    ///
    /// # Errors
    /// The database's error.
    pub fn stamp(&self, seq: u64) -> Result<Option<Stamp>, Error> {
        let query = "SELECT token, seq, time, hash, key, signature FROM stamps WHERE seq = ?";
        self.connection.query_row(query, [Number(seq)], stamp).optional().map_err(|error| self.failed(&error))
    }

    /// Number of records.
    ///
    /// # Errors
    /// The database's error.
    pub fn count(&self) -> Result<u64, Error> {
        let count = self.connection.query_row("SELECT count(*) FROM records", [], |row| row.get::<_, Number>(0));
        count.map(|number| number.0).map_err(|error| self.failed(&error))
    }

    fn rows_of_snapshot<E: From<Error>>(&self, each: &mut impl FnMut(Row) -> Result<(), E>) -> Result<(), E> {
        let failed = |error: rusqlite::Error| self.failed(&error);
        if let Some(log) = schema::read_log(&self.connection).map_err(failed)? {
            each(Row::Log(log))?;
        }
        let pruning =
            |row: &rusqlite::Row<'_>| Ok(Pruning { first: row.get::<_, Number>(0)?.0, last: schema::mark(row, 1)? });
        let query = "SELECT first, seq, time, hash, key, signature FROM prunings ORDER BY first";
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        for row in statement.query_map([], pruning).map_err(failed)? {
            each(Row::Pruning(row.map_err(failed)?))?;
        }
        let query = "SELECT seq, time, hash, key, signature FROM redactions ORDER BY seq";
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        for row in statement.query_map([], |row| schema::mark(row, 0)).map_err(failed)? {
            each(Row::Redaction(row.map_err(failed)?))?;
        }
        let query = "SELECT seq, time, hash, key, signature FROM checkpoints ORDER BY seq";
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        let mut marks = statement.query_map([], |row| schema::mark(row, 0)).map_err(failed)?.peekable();
        let mut stamped = self.connection.prepare(STAMPS).map_err(failed)?;
        let mut stamps = stamped.query_map([], stamp).map_err(failed)?.peekable();
        let mut statement =
            self.connection.prepare(&format!("SELECT {COLUMNS} FROM records ORDER BY seq")).map_err(failed)?;
        for row in statement.query_map([], entry).map_err(failed)? {
            let entry = row.map_err(failed)?;
            let seq = entry.seq;
            each(Row::Record(entry))?;
            while let Some(mark) = marks.next_if(|mark| mark.as_ref().is_ok_and(|mark| mark.seq <= seq)) {
                each(Row::Checkpoint(mark.map_err(failed)?))?;
            }
            while let Some(stamp) = stamps.next_if(|stamp| stamp.as_ref().is_ok_and(|stamp| stamp.of.seq <= seq)) {
                each(Row::Stamp(stamp.map_err(failed)?))?;
            }
        }
        for mark in marks {
            each(Row::Checkpoint(mark.map_err(failed)?))?;
        }
        for stamp in stamps {
            each(Row::Stamp(stamp.map_err(failed)?))?;
        }
        if let Some(head) = schema::read_head(&self.connection).map_err(failed)? {
            each(Row::Head(head))?;
        }
        Ok(())
    }

    /// Faults that SQLite finds in the file, and differences from what this program makes.
    fn integrity(&self) -> Vec<String> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare(&format!("PRAGMA integrity_check({MAX_PROBLEMS})"))?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
            let mut problems: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
            problems.retain(|line| line != "ok");
            let differences = schema::differences(&self.connection)?;
            problems.extend(differences.into_iter().map(|difference| difference.sentence));
            Ok(problems)
        };
        read().unwrap_or_else(|error| vec![format!("the database cannot be examined: {error}")])
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        Error::sqlite(&self.path, error)
    }
}

/// Reason why a log was not exported to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// The rows that were read could not be written.
    #[error("the export cannot be written: {0}")]
    Write(std::io::Error),
}

impl Filter {
    /// True if what a record says passes.
    fn admits(&self, entry: &Entry) -> bool {
        if self.client.is_none() && self.model.is_none() && self.user.is_none() {
            return true;
        }
        let is = |wanted: &Option<String>, own: &String| wanted.as_ref().is_none_or(|wanted| wanted == own);
        entry.answer().is_some_and(|answer| {
            let is_for = self.user.is_none() || self.user == answer.user;
            is_for && is(&self.client, &answer.client) && is(&self.model, &answer.model)
        })
    }

    fn conditions(&self) -> (String, Vec<Value>) {
        let number = |value: Option<u64>| value.map(|value| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
        let text = |value: &Option<String>| value.clone().map(Value::Text);
        let all = [
            ("seq >= ?", number(self.from)),
            ("time >= ?", number(self.since)),
            ("time < ?", number(self.until)),
            ("type = ?", text(&self.kind)),
        ];
        let given = all.into_iter().filter_map(|(condition, value)| Some((condition, value?)));
        let (mut conditions, values): (Vec<&str>, Vec<Value>) = given.unzip();
        conditions.push("true");
        (conditions.join(" AND "), values)
    }
}

fn entry(row: &rusqlite::Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        seq: row.get::<_, Number>(0)?.0,
        kind: row.get(1)?,
        id: row.get(2)?,
        time: row.get::<_, Number>(3)?.0,
        clock: row.get::<_, Number>(4)?.0,
        digest: row.get(5)?,
        content: row.get(6)?,
        prev_hash: row.get(7)?,
        hash: row.get(8)?,
    })
}

fn stamp(row: &rusqlite::Row<'_>) -> rusqlite::Result<Stamp> {
    Ok(Stamp { token: row.get(0)?, of: schema::mark(row, 1)? })
}
