//! An append-only log of answers that cannot be changed unnoticed.
//!
//! A log is an SQLite database. Each record holds the hash of the one before; every commit signs the last hash (the
//! *head*), and every so many records, and when the log is closed, a *checkpoint* is left. `docs/audit.md` has the format.
//!
//! ```text
//! append ─▶ queue ─▶ one thread: BEGIN, all records that wait, head, COMMIT (on the disk) ─▶ every caller learns its number
//! ```
//!
//! [`AuditLog`] writes, [`Reader`] reads, [`Examination`] checks rows wherever they come from.

mod error;
mod examine;
mod reader;
mod rows;
mod schema;
mod writer;

pub use error::Error;
pub use examine::{Examination, Found, examine_export};
pub use reader::{ExportError, Filter, Reader};
pub use rows::{Entry, Log, Mark, Pruning, Row};

use crate::identity::Identity;
use crate::receipt::Receipt;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::{self, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use writer::{Order, Writer};

/// Records that may wait for the disk; more callers wait before they may.
const QUEUE: usize = 1024;
/// Longest text of an answer that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 20;
/// Longest name of a client and of a request, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// What is kept of each answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// The receipt: token ids and settings, so that the answer can be made again.
    #[default]
    Ids,
    /// The receipt and the text of the answer.
    Text,
    /// The receipt's digest alone: what was said cannot be read, but a receipt can be shown to be the one.
    Hashes,
}

/// How a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// What is kept of each answer.
    pub store: Store,
    /// Records from one checkpoint to the next, at least 1.
    pub checkpoint_every: u64,
    /// How long records are kept. Older ones go when a checkpoint is left after the last of them, or when the log is opened;
    /// `None` keeps all.
    pub keep: Option<Duration>,
}

impl Default for Options {
    /// Token ids, a checkpoint every 1,000 records, kept for ever.
    fn default() -> Self {
        Self { store: Store::default(), checkpoint_every: 1000, keep: None }
    }
}

/// An answer to be recorded.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its receipt, whose id is that of the record.
    pub receipt: Receipt,
    /// Its text.
    pub text: String,
    /// Who asked.
    pub client: String,
    /// The request's id in the program's own log.
    pub request: String,
}

/// A record that is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Its number in the log.
    pub seq: u64,
}

/// A log that is open for writing, by this program alone.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    store: Store,
    orders: Option<SyncSender<Order>>,
    thread: Option<JoinHandle<Result<(), Error>>>,
    /// Held until the log is closed.
    lock: File,
}

impl AuditLog {
    /// Opens a log; makes it if there is none. What a program that was killed left is put in order.
    ///
    /// # Errors
    /// A file that is no log, is in use, or does not end with the record that its head names.
    pub fn open(path: &Path, identity: Identity, options: Options) -> Result<Self, Error> {
        let lock = lock(path)?;
        let writer = Writer::open(path, identity, options)?;
        let (orders, received) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("hefu-audit".to_owned()).spawn(move || writer.run(&received));
        let thread = thread.map_err(|error| Error::Lock { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { path: path.to_owned(), store: options.store, orders: Some(orders), thread: Some(thread), lock })
    }

    /// Records an answer; returns once it is on the disk. Callers on many threads share one write.
    ///
    /// # Errors
    /// If it is not on the disk: a full disk above all. Whoever gets one must not let the answer go out.
    pub fn append(&self, record: Record) -> Result<Appended, Error> {
        let (send, receive) = mpsc::sync_channel(1);
        self.append_then(record, move |outcome| {
            // Whoever asked is waiting below.
            let _ = send.send(outcome);
        });
        receive.recv().unwrap_or_else(|_| Err(self.closed()))
    }

    /// Records several answers; returns once all are on the disk, by one write as a rule.
    ///
    /// # Errors
    /// As [`AuditLog::append`], if one of them is not on the disk; the others may be.
    pub fn append_all(&self, records: Vec<Record>) -> Result<Vec<Appended>, Error> {
        let waiting = records.into_iter().map(|record| {
            let (send, receive) = mpsc::sync_channel(1);
            self.append_then(record, move |outcome| {
                // Whoever asked is waiting below.
                let _ = send.send(outcome);
            });
            receive
        });
        // All are asked for before the first is waited for.
        let waiting: Vec<_> = waiting.collect();
        waiting.into_iter().map(|receive| receive.recv().unwrap_or_else(|_| Err(self.closed()))).collect()
    }

    /// Whether records could be kept now: signs the head anew, with room for more beside the log.
    ///
    /// # Errors
    /// What keeps the log from growing.
    pub fn probe(&self) -> Result<(), Error> {
        let (send, receive) = mpsc::sync_channel(1);
        match &self.orders {
            Some(orders) if orders.send(Order::Probe { then: send }).is_ok() => {
                receive.recv().unwrap_or_else(|_| Err(self.closed()))
            }
            _ => Err(self.closed()),
        }
    }

    /// As [`AuditLog::append`], but returns at once and has `then` called on the thread that writes, which waits for it.
    pub fn append_then(&self, record: Record, then: impl FnOnce(Result<Appended, Error>) + Send + 'static) {
        let entry = match self.entry(record) {
            Ok(entry) => entry,
            Err(error) => return then(Err(error)),
        };
        let order = Order::Append { entry: Box::new(entry), then: Box::new(then) };
        let Some(orders) = &self.orders else { return };
        if let Err(mpsc::SendError(order)) = orders.send(order) {
            order.refuse(self.closed());
        }
    }

    /// Removes the records of whole stretches between checkpoints that were complete before `time` (milliseconds since
    /// 1970), and leaves a signed note of it. Returns how many went.
    ///
    /// # Errors
    /// What the database reports; nothing is removed then.
    pub fn prune(&self, before: u64) -> Result<u64, Error> {
        let (send, receive) = mpsc::sync_channel(1);
        let order = Order::Prune { before, then: send };
        let sent = self.orders.as_ref().map(|orders| orders.send(order).is_ok());
        if sent != Some(true) {
            return Err(self.closed());
        }
        receive.recv().unwrap_or_else(|_| Err(self.closed()))
    }

    /// Leaves a last checkpoint and closes the log. Dropping a log does the same, but cannot say what went wrong.
    ///
    /// # Errors
    /// If the checkpoint cannot be written; every record that was acknowledged is on the disk all the same.
    pub fn close(mut self) -> Result<(), Error> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), Error> {
        self.orders = None;
        let outcome = match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(self.closed()),
        };
        // By name: a program that is being started at this moment would hold on to a file that is only closed.
        let _ = self.lock.unlock();
        outcome
    }

    fn closed(&self) -> Error {
        Error::Closed { path: self.path.clone() }
    }

    /// The row for a record, without its place in the chain.
    fn entry(&self, record: Record) -> Result<Entry, Error> {
        for (name, text, most) in [
            ("text", &record.text, MAX_TEXT_BYTES),
            ("client", &record.client, MAX_NAME_BYTES),
            ("request", &record.request, MAX_NAME_BYTES),
        ] {
            if text.len() > most {
                return Err(Error::Record(format!("its {name} has {} bytes, but at most {most} are kept", text.len())));
            }
        }
        let answer = record.receipt.answer();
        let none = crate::Digest([0; 32]);
        Ok(Entry {
            seq: 0,
            id: answer.id.clone(),
            time: answer.time,
            model: answer.model.clone(),
            fingerprint: answer.fingerprint.clone(),
            client: record.client,
            request: record.request,
            store: self.store.name().to_owned(),
            receipt_digest: *record.receipt.digest(),
            receipt: (self.store != Store::Hashes).then(|| record.receipt.to_text()),
            text: (self.store == Store::Text).then_some(record.text),
            prev_hash: none,
            hash: none,
        })
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl Store {
    /// Its name on the command line and in the log.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ids => "ids",
            Self::Text => "text",
            Self::Hashes => "hashes",
        }
    }
}

impl FromStr for Store {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Ids, Self::Text, Self::Hashes];
        let found = all.into_iter().find(|store| store.name() == text);
        found.ok_or_else(|| format!("`{text}` is not one of ids, text and hashes"))
    }
}

/// One program writes at a time: the lock of a file beside the log, which goes with the program.
fn lock(path: &Path) -> Result<File, Error> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let failed = |error: std::io::Error| Error::Lock { path: path.to_owned(), reason: error.to_string() };
    let file = OpenOptions::new().write(true).create(true).truncate(false).open(beside).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Milliseconds since 1970 by the machine's clock.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
