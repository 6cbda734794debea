//! The one thread that writes: it takes all records that wait, commits them together, and only then answers.

use super::change::{Before, Change};
use super::clock::Clock;
use super::error::Error;
use super::guard::Guard;
use super::rows::Entry;
use super::schema::{End, Number, open_to_write};
use super::{Appended, Options};
use crate::clock::now;
use crate::digest::Digest;
use crate::identity::Identity;
use rusqlite::{Connection, TransactionBehavior};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most records in one commit.
const GROUP: usize = 256;
/// A checkpoint is left with the first commit after this time, in milliseconds of the log's own clock, however few records there were since the
/// last: without it, a quiet log would keep records much longer than it is asked to.
const CHECKPOINT_AFTER: u64 = 3_600_000;
/// Bytes that must fit beside the log before it is written to again after a failure.
const ROOM: usize = 1 << 20;

/// Callback with the outcome of a record.
type Then = Box<dyn FnOnce(Result<Appended, Error>) + Send>;

/// An order to the thread.
pub(super) enum Order {
    Append { entry: Box<Entry>, then: Then },
    Prune { before: u64, then: SyncSender<Result<u64, Error>> },
    Redact { id: String, reason: String, then: SyncSender<Result<u64, Error>> },
    Stamp { seq: u64, imprint: Digest, token: String, then: SyncSender<Result<(), Error>> },
    Probe { then: SyncSender<Result<(), Error>> },
}

impl Order {
    /// Says that it will not be done.
    pub(super) fn refuse(self, error: Error) {
        match self {
            Self::Append { then, .. } => then(Err(error)),
            // Who no longer waits need not know.
            Self::Prune { then, .. } | Self::Redact { then, .. } => drop(then.send(Err(error))),
            Self::Probe { then } | Self::Stamp { then, .. } => drop(then.send(Err(error))),
        }
    }
}

pub(super) struct Writer {
    path: PathBuf,
    guard: Arc<Mutex<Guard>>,
    identity: Identity,
    options: Options,
    /// Closed after a failure: what is on the disk then is found out by opening it again.
    open: Option<Open>,
    /// Records since the last checkpoint.
    unmarked: u64,
    /// Time when that was left, or the log opened, by the log's own clock.
    marked_at: u64,
}

/// The database, where it ends, and its clock.
struct Open {
    connection: Connection,
    end: End,
    clock: Clock,
}

impl Writer {
    pub(super) fn open(
        path: &Path,
        guard: Arc<Mutex<Guard>>,
        identity: Identity,
        options: Options,
    ) -> Result<Self, Error> {
        let (path, open) = (path.to_owned(), None);
        let mut writer = Self { path, guard, identity, options, open, unmarked: 0, marked_at: 0 };
        let open = writer.opened()?;
        let (end, now) = (open.end.seq, open.clock.tick().clock);
        let marked = last_checkpoint(&open.connection).map_err(|error| Error::sqlite(&writer.path, &error))?;
        writer.unmarked = end.saturating_sub(marked);
        writer.marked_at = now;
        writer.prune_old(now);
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
                    other => {
                        self.append(std::mem::take(&mut group));
                        self.obey(other);
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

    /// Carries out what is no record, and says what came of it; who no longer waits need not know.
    fn obey(&mut self, order: Order) {
        match order {
            Order::Append { entry, then } => self.append(vec![(entry, then)]),
            Order::Prune { before, then } => drop(then.send(self.prune(&Before::Time(before)))),
            Order::Redact { id, reason, then } => drop(then.send(self.redact(&id, &reason))),
            Order::Stamp { seq, imprint, token, then } => drop(then.send(self.stamp(seq, imprint, &token))),
            Order::Probe { then } => drop(then.send(self.probe())),
        }
    }

    /// Commits records together, and answers each.
    fn append(&mut self, group: Vec<(Box<Entry>, Then)>) {
        if group.is_empty() {
            return;
        }
        let (entries, thens): (Vec<Entry>, Vec<Then>) = group.into_iter().map(|(entry, then)| (*entry, then)).unzip();
        match self.commit(entries) {
            Ok(outcomes) => thens.into_iter().zip(outcomes).for_each(|(then, outcome)| then(outcome)),
            Err(error) => thens.into_iter().for_each(|then| then(Err(error.clone()))),
        }
    }

    fn commit(&mut self, entries: Vec<Entry>) -> Result<Vec<Result<Appended, Error>>, Error> {
        let count = entries.len() as u64;
        let every = self.options.checkpoint_every.max(1);
        let (unmarked, marked_at) = (self.unmarked, self.marked_at);
        let (outcomes, marks, clock) = self.change(|change| {
            let mut outcomes = Vec::with_capacity(entries.len());
            for entry in entries {
                outcomes.push(change.insert(entry)?);
            }
            let clock = change.clock.tick().clock;
            let marks = unmarked + count >= every || clock.saturating_sub(marked_at) >= CHECKPOINT_AFTER;
            if marks {
                change.checkpoint()?;
            }
            Ok((outcomes, marks, clock))
        })?;
        self.unmarked = if marks { 0 } else { unmarked + count };
        if marks {
            self.marked_at = clock;
            self.prune_old(clock);
        }
        Ok(outcomes)
    }

    /// Removes what need not be kept any longer.
    fn prune_old(&mut self, clock: u64) {
        if let Some(keep) = self.options.keep {
            let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
            // Failed removals are made at the next checkpoint; the records are kept either way.
            if let Some(before) = clock.checked_sub(keep) {
                let _ = self.prune(&Before::Clock(before));
            }
        }
    }

    /// Signs the head anew, if there is room for more.
    fn probe(&mut self) -> Result<(), Error> {
        self.guard().check()?;
        make_room(&self.path)?;
        self.change(|_| Ok(()))
    }

    /// Removes what is old enough.
    fn prune(&mut self, before: &Before) -> Result<u64, Error> {
        self.change(|change| change.prune(before))
    }

    /// Takes away what a record says.
    fn redact(&mut self, id: &str, reason: &str) -> Result<u64, Error> {
        let event = crate::new_id().map_err(Error::Record)?;
        let seq = self.change(|change| change.redact(id, reason, event))?;
        self.unmarked += 1;
        // Out of the file beside the log too, where what was removed would stand until SQLite needs the room.
        if let Some(open) = &self.open {
            empty_beside(&open.connection);
        }
        Ok(seq)
    }

    fn stamp(&mut self, seq: u64, imprint: Digest, token: &str) -> Result<(), Error> {
        self.change(|change| change.stamp(seq, imprint, token))
    }

    fn close(mut self) -> Result<(), Error> {
        if self.unmarked > 0 {
            self.change(|change| change.checkpoint())?;
        }
        self.guard().check()?;
        if let Some(open) = &self.open {
            // Into one file; a reader that is under way keeps the other one alive, which is no fault.
            empty_beside(&open.connection);
        }
        Ok(())
    }

    /// Makes changes together with a new head. The log's file is looked at before, so that nothing is written to one that
    /// is gone, and after, so that nothing is said to be recorded that is nowhere.
    fn change<T>(&mut self, make: impl FnOnce(&mut Change<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let (identity, path) = (self.identity.clone(), self.path.clone());
        let failed = |error: rusqlite::Error| Error::sqlite(&path, &error);
        let guard = Arc::clone(&self.guard);
        let check = || guard.lock().unwrap_or_else(PoisonError::into_inner).check();
        check()?;
        let open = self.opened()?;
        let changed = (|| {
            let transaction = open.connection.transaction_with_behavior(TransactionBehavior::Immediate);
            let transaction = transaction.map_err(failed)?;
            let (end, clock) = (open.end.clone(), &open.clock);
            let mut change = Change { transaction, end, clock, identity: &identity, path: &path };
            let made = make(&mut change)?;
            let end = change.finish()?;
            check()?;
            open.end = end;
            Ok(made)
        })();
        if changed.is_err() {
            // Before it is closed, which takes the file beside it away: others look meanwhile.
            self.guard().forget_beside();
            self.open = None;
        }
        changed
    }

    fn opened(&mut self) -> Result<&mut Open, Error> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let real = {
                    let mut guard = self.guard();
                    guard.forget_beside();
                    guard.check()?;
                    guard.path().to_owned()
                };
                let (connection, end) = open_to_write(&real, &self.identity, now())?;
                let clock = Clock::after(&end.tick);
                self.guard().note_beside();
                Open { connection, end, clock }
            }
        };
        Ok(self.open.insert(open))
    }

    fn guard(&self) -> MutexGuard<'_, Guard> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Moves what SQLite keeps beside the log into it.
fn empty_beside(connection: &Connection) {
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

/// Writes a file beside the log and removes it: whether the disk takes more.
fn make_room(path: &Path) -> Result<(), Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".room");
    // Whatever lies there, from a program that was killed or put there by somebody, is not written to.
    let _ = std::fs::remove_file(&beside);
    let written = OpenOptions::new().write(true).create_new(true).open(&beside).and_then(|mut file| {
        file.write_all(&vec![0; ROOM])?;
        file.sync_all()
    });
    let removed = std::fs::remove_file(&beside);
    written.and(removed).map_err(|error| Error::Full { path: path.to_owned(), reason: error.to_string() })
}

fn last_checkpoint(connection: &Connection) -> rusqlite::Result<u64> {
    let find =
        "SELECT max(coalesce((SELECT max(seq) FROM checkpoints), 0), coalesce((SELECT max(seq) FROM prunings), 0))";
    connection.query_row(find, [], |row| row.get::<_, Number>(0)).map(|number| number.0)
}
