//! Changes of a log within one commit.

use super::Appended;
use super::clock::Clock;
use super::content::{Content, Event};
use super::error::Error;
use super::rows::{Entry, Head, Kind, Mark};
use super::schema::{End, Number, write_head};
use crate::clock::now;
use crate::digest::Digest;
use crate::identity::Identity;
use rusqlite::{ErrorCode, OptionalExtension, Transaction};
use serde_json::json;
use std::path::Path;

/// Bound of old records.
pub(super) enum Before {
    /// Those complete before this time, by the machine's clock.
    Time(u64),
    /// Those recorded at this time or before, by the log's own clock.
    Clock(u64),
}

/// Changes that are committed together.
pub(super) struct Change<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) end: End,
    pub(super) clock: &'a Clock,
    pub(super) identity: &'a Identity,
    pub(super) path: &'a Path,
}

impl Change<'_> {
    fn failed(&self, error: &rusqlite::Error) -> Error {
        Error::sqlite(self.path, error)
    }

    /// Adds a record after the last one. Its own fault, an id that is there already, concerns no other.
    pub(super) fn insert(&mut self, mut entry: Entry) -> Result<Result<Appended, Error>, Error> {
        entry.seq = self.end.seq + 1;
        entry.clock = self.clock.tick().clock;
        entry.prev_hash = self.end.hash;
        entry.hash = entry.computed_hash();
        let insert = "INSERT INTO records (seq, type, id, time, clock, digest, content, prev_hash, hash) \
                      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let values = (
            Number(entry.seq),
            &entry.kind,
            &entry.id,
            Number(entry.time),
            Number(entry.clock),
            &entry.digest,
            &entry.content,
            &entry.prev_hash,
            &entry.hash,
        );
        match self.transaction.prepare(insert).and_then(|mut statement| statement.execute(values)) {
            Ok(_) => {
                (self.end.seq, self.end.hash) = (entry.seq, entry.hash);
                Ok(Ok(Appended { seq: entry.seq }))
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
                Ok(Err(Error::Duplicate { id: entry.id }))
            }
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Signs everything up to the last record.
    pub(super) fn checkpoint(&mut self) -> Result<(), Error> {
        let end = &self.end;
        let mark = Mark::sign(Kind::Checkpoint, &end.log, end.seq, end.hash, now(), self.identity);
        let insert = "INSERT OR IGNORE INTO checkpoints (seq, time, hash, key, signature) VALUES (?, ?, ?, ?, ?)";
        let values = (Number(mark.seq), Number(mark.time), &mark.hash, &mark.key, &mark.signature);
        self.transaction.execute(insert, values).map(drop).map_err(|error| self.failed(&error))
    }

    pub(super) fn prune(&mut self, before: &Before) -> Result<u64, Error> {
        let path = self.path;
        let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
        let (column, before) = match before {
            Before::Time(time) => ("time", *time),
            Before::Clock(clock) => ("clock", clock.saturating_add(1)),
        };
        // The last checkpoint before the first record that is to stay.
        let find = format!(
            "SELECT seq, hash FROM checkpoints WHERE seq > 0 AND seq < coalesce((SELECT min(seq) FROM records WHERE \
             {column} >= ?), 9223372036854775807) ORDER BY seq DESC LIMIT 1"
        );
        let transaction = &self.transaction;
        let found = transaction.query_row(&find, [Number(before)], |row| Ok((row.get::<_, Number>(0)?.0, row.get(1)?)));
        let pruned = "SELECT coalesce(max(seq), 0) FROM prunings";
        let pruned = transaction.query_row(pruned, [], |row| row.get::<_, Number>(0)).map_err(failed)?.0;
        let Some((seq, hash)) = found.optional().map_err(failed)?.filter(|(seq, _)| *seq > pruned) else {
            return Ok(0);
        };
        let first = pruned + 1;
        let mark = Mark::sign(Kind::Pruning(first), &self.end.log, seq, hash, now(), self.identity);
        transaction
            .execute(
                "INSERT INTO prunings (first, seq, time, hash, key, signature) VALUES (?, ?, ?, ?, ?, ?)",
                (Number(first), Number(seq), Number(mark.time), &mark.hash, &mark.key, &mark.signature),
            )
            .map_err(failed)?;
        for table in ["checkpoints", "redactions", "stamps"] {
            transaction.execute(&format!("DELETE FROM {table} WHERE seq <= ?"), [Number(seq)]).map_err(failed)?;
        }
        let gone = transaction.execute("DELETE FROM records WHERE seq <= ?", [Number(seq)]).map_err(failed)?;
        Ok(gone as u64)
    }

    pub(super) fn redact(&mut self, id: &str, reason: &str, event: String) -> Result<u64, Error> {
        let path = self.path;
        let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
        let find = "SELECT seq, hash, id FROM records WHERE (id = ?1 OR seq = ?2) AND content IS NOT NULL \
                    ORDER BY id = ?1 DESC LIMIT 1";
        let number = id.parse().map_or(-1, |number: u32| i64::from(number));
        let found = self.transaction.query_row(find, (id, number), |row| {
            Ok((row.get::<_, Number>(0)?.0, row.get::<_, Digest>(1)?, row.get::<_, String>(2)?))
        });
        let unknown = || Error::Unknown { path: path.to_owned(), id: id.to_owned() };
        let (seq, hash, of) = found.optional().map_err(failed)?.ok_or_else(unknown)?;
        let mark = Mark::sign(Kind::Redaction, &self.end.log, seq, hash, now(), self.identity);
        self.transaction
            .execute(
                "INSERT INTO redactions (seq, time, hash, key, signature) VALUES (?, ?, ?, ?, ?)",
                (Number(seq), Number(mark.time), &mark.hash, &mark.key, &mark.signature),
            )
            .map_err(failed)?;
        self.transaction.execute("UPDATE records SET content = NULL WHERE seq = ?", [Number(seq)]).map_err(failed)?;
        let details = json!({"seq": seq, "of": of, "reason": reason});
        let content = Content::Event(Event::new("redaction", details).map_err(Error::Record)?);
        self.insert(super::entry(event, now(), &content)?)??;
        Ok(seq)
    }

    pub(super) fn stamp(&mut self, seq: u64, imprint: Digest, token: &str) -> Result<(), Error> {
        let path = self.path;
        let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
        let find = "SELECT hash FROM checkpoints WHERE seq = ?";
        let found = self.transaction.query_row(find, [Number(seq)], |row| row.get::<_, Digest>(0));
        if found.optional().map_err(failed)? != Some(imprint) {
            return Err(Error::Record(format!("the time stamp is not of the checkpoint at record {seq}")));
        }
        let mark = Mark::sign(Kind::Stamp(token), &self.end.log, seq, imprint, now(), self.identity);
        let insert = "INSERT OR IGNORE INTO stamps (token, seq, time, hash, key, signature) VALUES (?, ?, ?, ?, ?, ?)";
        let values = (token, Number(seq), Number(mark.time), &mark.hash, &mark.key, &mark.signature);
        self.transaction.execute(insert, values).map(drop).map_err(failed)
    }

    /// Signs the new head and commits.
    pub(super) fn finish(self) -> Result<End, Error> {
        let Self { transaction, mut end, clock, identity, path } = self;
        let failed = |error: rusqlite::Error| Error::sqlite(path, &error);
        end.tick = clock.tick();
        let head = Head::sign(&end.log, end.seq, end.hash, now(), end.tick.clone(), identity);
        write_head(&transaction, &head).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(end)
    }
}
