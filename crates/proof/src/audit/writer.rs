//! The one thread that writes: it takes all records that wait, commits them together, and only then answers.

use super::error::Error;
use super::rows::{Entry, Kind, Mark};
use super::schema::{End, Number, open_to_write, write_head};
use super::{Appended, Options, now};
use crate::identity::Identity;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender};

/// Most records in one commit.
const GROUP: usize = 256;
/// A checkpoint is left with the first commit after this time, in milliseconds, however few records there were since the
/// last: without it, a quiet log would keep records much longer than it is asked to.
const CHECKPOINT_AFTER: u64 = 3_600_000;
/// Bytes that must fit beside the log before it is written to again after a failure.
const ROOM: usize = 1 << 20;

/// What is told what became of a record.
type Then = Box<dyn FnOnce(Result<Appended, Error>) + Send>;

/// What the thread is asked for.
pub(super) enum Order {
    Append { entry: Box<Entry>, then: Then },
    Prune { before: u64, then: SyncSender<Result<u64, Error>> },
    Probe { then: SyncSender<Result<(), Error>> },
}

impl Order {
    /// Says that it will not be done.
    pub(super) fn refuse(self, error: Error) {
        match self {
            Self::Append { then, .. } => then(Err(error)),
            // Who no longer waits need not know.
            Self::Prune { then, .. } => drop(then.send(Err(error))),
            Self::Probe { then } => drop(then.send(Err(error))),
        }
    }
}

pub(super) struct Writer {
    path: PathBuf,
    identity: Identity,
    options: Options,
    /// Closed after a failure: what is on the disk then is found out by opening it again.
    open: Option<(Connection, End)>,
    /// Records since the last checkpoint.
    unmarked: u64,
    /// When that was left, or the log opened.
    marked_at: u64,
}

impl Writer {
    pub(super) fn open(path: &Path, identity: Identity, options: Options) -> Result<Self, Error> {
        let (connection, end) = open_to_write(path, &identity, now())?;
        let mut writer = Self { path: path.to_owned(), identity, options, open: None, unmarked: 0, marked_at: now() };
        let marked = last_checkpoint(&connection).map_err(|error| Error::sqlite(path, &error))?;
        writer.unmarked = end.seq.saturating_sub(marked);
        writer.open = Some((connection, end));
        writer.prune_old(now());
        Ok(writer)
    }

    /// Works until nobody can order any more, then leaves a checkpoint.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> Result<(), Error> {
        while let Ok(first) = orders.recv() {
            let mut group = Vec::new();
            let mut next = Some(first);
            while let Some(order) = next.take() {
                match order {
                    Order::Append { entry, then } => group.push((entry, then)),
                    Order::Prune { before, then } => {
                        self.append(std::mem::take(&mut group));
                        drop(then.send(self.prune(before)));
                    }
                    Order::Probe { then } => {
                        self.append(std::mem::take(&mut group));
                        drop(then.send(self.probe()));
                    }
                }
                if group.len() < GROUP {
                    next = orders.try_recv().ok();
                }
            }
            self.append(group);
        }
        self.close()
    }

    /// Commits records together, and answers each.
    fn append(&mut self, group: Vec<(Box<Entry>, Then)>) {
        if group.is_empty() {
            return;
        }
        let (entries, thens): (Vec<Entry>, Vec<Then>) = group.into_iter().map(|(entry, then)| (*entry, then)).unzip();
        match self.commit(entries) {
            Ok(outcomes) => thens.into_iter().zip(outcomes).for_each(|(then, outcome)| then(outcome)),
            Err(error) => {
                self.open = None;
                thens.into_iter().for_each(|then| then(Err(error.clone())));
            }
        }
    }

    fn commit(&mut self, entries: Vec<Entry>) -> Result<Vec<Result<Appended, Error>>, Error> {
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| Error::sqlite(&path, &error);
        let count = entries.len() as u64;
        let time = now();
        let marks = self.unmarked + count >= self.options.checkpoint_every.max(1)
            || time.saturating_sub(self.marked_at) >= CHECKPOINT_AFTER;
        let identity = self.identity.clone();
        let (connection, end) = self.opened()?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut new = end.clone();
        let mut outcomes = Vec::with_capacity(entries.len());
        for entry in entries {
            outcomes.push(insert(&transaction, &mut new, entry).map_err(failed)?);
        }
        let head = Mark::sign(Kind::Head, &new.log, new.seq, new.hash, time, &identity);
        write_head(&transaction, &head).map_err(failed)?;
        if marks {
            checkpoint(&transaction, &new, time, &identity).map_err(failed)?;
        }
        transaction.commit().map_err(failed)?;
        *end = new;
        self.unmarked = if marks { 0 } else { self.unmarked + count };
        if marks {
            self.marked_at = time;
            self.prune_old(time);
        }
        Ok(outcomes)
    }

    /// Removes what need not be kept any longer.
    fn prune_old(&mut self, time: u64) {
        if let Some(keep) = self.options.keep {
            let before = time.saturating_sub(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
            // What cannot be removed now is removed at the next checkpoint; the records are kept either way.
            let _ = self.prune(before);
        }
    }

    /// Signs the head anew, if there is room for more.
    fn probe(&mut self) -> Result<(), Error> {
        make_room(&self.path)?;
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| Error::sqlite(&path, &error);
        let identity = self.identity.clone();
        let sign = |(connection, end): &mut (Connection, End)| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            write_head(&transaction, &Mark::sign(Kind::Head, &end.log, end.seq, end.hash, now(), &identity))
                .map_err(failed)?;
            transaction.commit().map_err(failed)
        };
        let outcome = self.opened().and_then(sign);
        if outcome.is_err() {
            self.open = None;
        }
        outcome
    }

    /// Removes what is old enough.
    fn prune(&mut self, before: u64) -> Result<u64, Error> {
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| Error::sqlite(&path, &error);
        let identity = self.identity.clone();
        let (connection, end) = self.opened()?;
        let log = end.log;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // The last checkpoint before the first record that is to stay.
        let find = "SELECT seq, hash FROM checkpoints WHERE seq > 0 AND seq < coalesce((SELECT min(seq) FROM records \
                    WHERE time >= ?), 9223372036854775807) ORDER BY seq DESC LIMIT 1";
        let found = transaction.query_row(find, [Number(before)], |row| Ok((row.get::<_, Number>(0)?.0, row.get(1)?)));
        let pruned = "SELECT coalesce(max(seq), 0) FROM prunings";
        let pruned = transaction.query_row(pruned, [], |row| row.get::<_, Number>(0)).map_err(failed)?.0;
        let Some((seq, hash)) = found.optional().map_err(failed)?.filter(|(seq, _)| *seq > pruned) else {
            return Ok(0);
        };
        let first = pruned + 1;
        let mark = Mark::sign(Kind::Pruning(first), &log, seq, hash, now(), &identity);
        transaction
            .execute(
                "INSERT INTO prunings (first, seq, time, hash, key, signature) VALUES (?, ?, ?, ?, ?, ?)",
                (Number(first), Number(seq), Number(mark.time), &mark.hash, &mark.key, &mark.signature),
            )
            .map_err(failed)?;
        transaction.execute("DELETE FROM checkpoints WHERE seq <= ?", [Number(seq)]).map_err(failed)?;
        let gone = transaction.execute("DELETE FROM records WHERE seq <= ?", [Number(seq)]).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        Ok(gone as u64)
    }

    fn close(mut self) -> Result<(), Error> {
        let path = self.path.clone();
        let failed = |error: rusqlite::Error| Error::sqlite(&path, &error);
        let (unmarked, identity) = (self.unmarked, self.identity.clone());
        let (connection, end) = self.opened()?;
        if unmarked > 0 {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            checkpoint(&transaction, end, now(), &identity).map_err(failed)?;
            transaction.commit().map_err(failed)?;
        }
        // Into one file; a reader that is under way keeps the other one alive, which is no fault.
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        Ok(())
    }

    fn opened(&mut self) -> Result<&mut (Connection, End), Error> {
        let open = match self.open.take() {
            Some(open) => open,
            None => open_to_write(&self.path, &self.identity, now())?,
        };
        Ok(self.open.insert(open))
    }
}

/// Writes a file beside the log and removes it: whether the disk takes more.
fn make_room(path: &Path) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".room");
    let written = File::create(&beside).and_then(|mut file| {
        file.write_all(&vec![0; ROOM])?;
        file.sync_all()
    });
    let removed = std::fs::remove_file(&beside);
    written.and(removed).map_err(|error| Error::Full { path: path.to_owned(), reason: error.to_string() })
}

/// Adds a record after the last one. Its own fault, an id that is there already, concerns no other.
fn insert(connection: &Connection, end: &mut End, mut entry: Entry) -> rusqlite::Result<Result<Appended, Error>> {
    entry.seq = end.seq + 1;
    entry.prev_hash = end.hash;
    entry.hash = entry.computed_hash();
    let insert = "INSERT INTO records (seq, id, time, model, fingerprint, client, request, store, receipt_digest, \
                  receipt, text, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = (
        Number(entry.seq),
        &entry.id,
        Number(entry.time),
        &entry.model,
        &entry.fingerprint,
        &entry.client,
        &entry.request,
        &entry.store,
        &entry.receipt_digest,
        &entry.receipt,
        &entry.text,
        &entry.prev_hash,
        &entry.hash,
    );
    match connection.prepare(insert)?.execute(values) {
        Ok(_) => {
            (end.seq, end.hash) = (entry.seq, entry.hash);
            Ok(Ok(Appended { seq: entry.seq }))
        }
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Ok(Err(Error::Duplicate { id: entry.id }))
        }
        Err(error) => Err(error),
    }
}

fn checkpoint(connection: &Connection, end: &End, time: u64, identity: &Identity) -> rusqlite::Result<()> {
    let mark = Mark::sign(Kind::Checkpoint, &end.log, end.seq, end.hash, time, identity);
    connection.execute(
        "INSERT OR IGNORE INTO checkpoints (seq, time, hash, key, signature) VALUES (?, ?, ?, ?, ?)",
        (Number(mark.seq), Number(mark.time), &mark.hash, &mark.key, &mark.signature),
    )?;
    Ok(())
}

fn last_checkpoint(connection: &Connection) -> rusqlite::Result<u64> {
    let find =
        "SELECT max(coalesce((SELECT max(seq) FROM checkpoints), 0), coalesce((SELECT max(seq) FROM prunings), 0))";
    connection.query_row(find, [], |row| row.get::<_, Number>(0)).map(|number| number.0)
}
