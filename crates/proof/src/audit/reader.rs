//! Reading a log, also while another program writes to it.

use super::error::Error;
use super::examine::{Examination, Found};
use super::rows::{Entry, Pruning, Row};
use super::schema::{self, Number, OBJECTS};
use crate::canonical::canonical;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Columns of a record, in the order of [`Entry`].
const COLUMNS: &str =
    "seq, id, time, model, fingerprint, client, request, store, receipt_digest, receipt, text, prev_hash, hash";

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
    /// Of this client.
    pub client: Option<String>,
    /// Of this model.
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
    /// What the database reports.
    pub fn find(&self, id: &str) -> Result<Option<Entry>, Error> {
        let query = format!("SELECT {COLUMNS} FROM records WHERE id = ?1 OR seq = ?2 ORDER BY id = ?1 DESC LIMIT 1");
        let seq = id.parse().map_or(-1, |number: u32| i64::from(number));
        self.connection.query_row(&query, (id, seq), entry).optional().map_err(|error| self.failed(&error))
    }

    /// Hands every record that passes to `each`, in order, until it fails.
    ///
    /// # Errors
    /// What the database reports, or `each`.
    pub fn each<E: From<Error>>(&self, filter: &Filter, mut each: impl FnMut(Entry) -> Result<(), E>) -> Result<(), E> {
        let (conditions, values) = filter.conditions();
        let newest = format!("SELECT {COLUMNS} FROM records WHERE {conditions} ORDER BY seq DESC LIMIT ?");
        let query = format!("SELECT * FROM ({newest}) ORDER BY seq");
        let limit = filter.last.and_then(|last| i64::try_from(last).ok()).unwrap_or(-1);
        let values = values.into_iter().chain([Value::Integer(limit)]);
        let mut statement = self.connection.prepare(&query).map_err(|error| self.failed(&error))?;
        let rows = statement.query_map(rusqlite::params_from_iter(values), entry);
        for entry in rows.map_err(|error| self.failed(&error))? {
            each(entry.map_err(|error| self.failed(&error))?)?;
        }
        Ok(())
    }

    /// Hands every row to `each`, in the order of [`Row`].
    ///
    /// # Errors
    /// What the database reports, or `each`.
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
    /// What the database reports, or a writer that fails, in one sentence.
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
    pub fn examine(&self, progress: &mut dyn FnMut(u64)) -> Result<Found, Error> {
        let mut examination = Examination::default();
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

    /// How many records there are.
    ///
    /// # Errors
    /// What the database reports.
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
        let query = "SELECT seq, time, hash, key, signature FROM checkpoints ORDER BY seq";
        let mut statement = self.connection.prepare(query).map_err(failed)?;
        let mut marks = statement.query_map([], |row| schema::mark(row, 0)).map_err(failed)?.peekable();
        let mut statement =
            self.connection.prepare(&format!("SELECT {COLUMNS} FROM records ORDER BY seq")).map_err(failed)?;
        for row in statement.query_map([], entry).map_err(failed)? {
            let entry = row.map_err(failed)?;
            let seq = entry.seq;
            each(Row::Record(entry))?;
            while let Some(mark) = marks.next_if(|mark| mark.as_ref().is_ok_and(|mark| mark.seq <= seq)) {
                each(Row::Checkpoint(mark.map_err(failed)?))?;
            }
        }
        for mark in marks {
            each(Row::Checkpoint(mark.map_err(failed)?))?;
        }
        if let Some(head) = schema::read_head(&self.connection).map_err(failed)? {
            each(Row::Head(head))?;
        }
        Ok(())
    }

    /// What SQLite finds wrong with the file, and what is not as this program makes it.
    fn integrity(&self) -> Vec<String> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut statement = self.connection.prepare("PRAGMA integrity_check")?;
            let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
            let mut problems: Vec<String> = lines.collect::<rusqlite::Result<_>>()?;
            problems.retain(|line| line != "ok");
            let query =
                "SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL OR name NOT LIKE 'sqlite_autoindex_%'";
            let mut statement = self.connection.prepare(query)?;
            let found = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let mut found: Vec<(String, Option<String>)> = found.collect::<rusqlite::Result<_>>()?;
            for (name, sql) in OBJECTS {
                match found.iter().position(|(found, _)| found == name) {
                    None => problems.push(format!("its {name} is missing")),
                    Some(at) => {
                        if found.swap_remove(at).1.as_deref() != Some(sql) {
                            problems.push(format!("its {name} was defined anew"));
                        }
                    }
                }
            }
            problems.extend(found.into_iter().map(|(name, _)| format!("it holds {name:?}, which no audit log has")));
            Ok(problems)
        };
        read().unwrap_or_else(|error| vec![format!("the database cannot be examined: {error}")])
    }

    fn failed(&self, error: &rusqlite::Error) -> Error {
        Error::sqlite(&self.path, error)
    }
}

/// Why a log was not exported to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It could not be read.
    #[error(transparent)]
    Read(#[from] Error),
    /// What was read could not be written.
    #[error("the export cannot be written: {0}")]
    Write(std::io::Error),
}

impl Filter {
    fn conditions(&self) -> (String, Vec<Value>) {
        let number = |value: Option<u64>| value.map(|value| Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)));
        let text = |value: &Option<String>| value.clone().map(Value::Text);
        let all = [
            ("seq >= ?", number(self.from)),
            ("time >= ?", number(self.since)),
            ("time < ?", number(self.until)),
            ("client = ?", text(&self.client)),
            ("model = ?", text(&self.model)),
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
        id: row.get(1)?,
        time: row.get::<_, Number>(2)?.0,
        model: row.get(3)?,
        fingerprint: row.get(4)?,
        client: row.get(5)?,
        request: row.get(6)?,
        store: row.get(7)?,
        receipt_digest: row.get(8)?,
        receipt: row.get(9)?,
        text: row.get(10)?,
        prev_hash: row.get(11)?,
        hash: row.get(12)?,
    })
}
