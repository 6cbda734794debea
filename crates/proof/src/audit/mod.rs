//! An append-only log of answers, and of what else happened, that cannot be changed unnoticed.
//!
//! A log is an SQLite database. Each record holds the digest of what it says and the hash of the one before; every
//! commit signs the last hash (the *head*), and every so many records, and when the log is closed, a *checkpoint* is left. `docs/auditors/audit.md` has the format.
//!
//! ```text
//! append ─▶ queue ─▶ one thread: BEGIN, all records that wait, head, COMMIT (on the disk) ─▶ every caller learns its number
//! ```
//!
//! [`AuditLog`] writes, [`Reader`] reads, [`Examination`] checks rows wherever they come from.

mod authority;
mod change;
mod clock;
mod content;
mod error;
mod examine;
mod guard;
mod reader;
mod rows;
mod schema;
mod stamp;
mod writer;

pub use authority::Trusted;
pub use clock::Tick;
pub use content::{Annotated, Annotation, Answered, Content, Event, Verdict};
pub use error::Error;
pub use examine::{Examination, Found, examine_export};
pub use reader::{ExportError, Filter, Reader};
pub use rows::{Entry, Head, Log, Mark, Pruning, Row, Stamp};
pub use stamp::{Token, request as stamp_request};

use crate::clock::now;
use crate::digest::Digest;
use crate::identity::Identity;
use crate::receipt::Receipt;
use guard::Guard;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use writer::{Order, Writer};

/// Records that may wait for the disk; more callers wait before they may.
const QUEUE: usize = 1024;
/// Longest text of an answer that is kept, in bytes.
const MAX_TEXT_BYTES: usize = 64 << 20;
/// Longest content of a record, in bytes: a receipt, a text, and room for the rest.
const MAX_CONTENT_BYTES: usize = 136 << 20;
/// Longest name of a client and of a request, in bytes.
const MAX_NAME_BYTES: usize = 1024;
/// Longest time stamp, in bytes.
const MAX_TOKEN_BYTES: usize = 64 << 10;

/// Contents that are kept of each answer.
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

/// Options of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Contents that are kept of each answer.
    pub store: Store,
    /// Records from one checkpoint to the next, at least 1.
    pub checkpoint_every: u64,
    /// Retention of records, by the log's own clock, which nobody can set ([`Tick`]). Older ones go when a checkpoint is
    /// left after the last of them, or when the log is opened; `None` keeps all.
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
    /// The client.
    pub client: String,
    /// The pseudonym of the person for whom they asked ([`Identity::pseudonym`]).
    pub user: Option<Digest>,
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
    /// The log's file and its lock, held until the log is closed.
    guard: Arc<Mutex<Guard>>,
}

impl AuditLog {
    /// Opens a log; makes it if there is none. What a program that was killed left is put in order.
    ///
    /// # Errors
    /// A file that is no log, is in use, or does not end with the record that its head names.
    pub fn open(path: &Path, identity: Identity, options: Options) -> Result<Self, Error> {
        let guard = Arc::new(Mutex::new(Guard::take(path)?));
        let writer = Writer::open(path, Arc::clone(&guard), identity, options)?;
        let (orders, received) = mpsc::sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("hefu-audit".to_owned()).spawn(move || writer.run(&received));
        let thread = thread.map_err(|error| Error::Lock { path: path.to_owned(), reason: error.to_string() })?;
        Ok(Self { path: path.to_owned(), store: options.store, orders: Some(orders), thread: Some(thread), guard })
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

    /// Records that something happened; returns once it is on the disk.
    ///
    /// # Errors
    /// If it is not on the disk.
    pub fn note(&self, event: Event) -> Result<Appended, Error> {
        self.keep(Content::Event(event))
    }

    /// Records what a person thought of an answer; returns once it is on the disk.
    ///
    /// # Errors
    /// If it is not on the disk.
    pub fn annotate(&self, annotated: Annotated) -> Result<Appended, Error> {
        self.keep(Content::Annotation(Box::new(annotated)))
    }

    fn keep(&self, content: Content) -> Result<Appended, Error> {
        let id = crate::new_id().map_err(Error::Record)?;
        let entry = entry(id, now(), &content)?;
        self.ask(|then| Order::Append {
            entry: Box::new(entry),
            then: Box::new(move |outcome| drop(then.send(outcome))),
        })
    }

    /// Takes away what the record of this id or number says, and leaves a signed note of it and an event with the reason.
    /// Its digest stays, so the chain can be checked as before. Returns the record's number.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such record or nothing is left of it; what the database reports.
    pub fn redact(&self, id: &str, reason: &str) -> Result<u64, Error> {
        let (id, reason) = (id.to_owned(), reason.to_owned());
        self.ask(|then| Order::Redact { id, reason, then })
    }

    /// Puts an authority's time stamp beside the checkpoint that it is of.
    ///
    /// # Errors
    /// [`Error::Record`] for a stamp of something else; what the database reports.
    pub fn stamp(&self, seq: u64, token: &[u8]) -> Result<(), Error> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Error::Record(format!(
                "the time stamp has {} bytes, more than {MAX_TOKEN_BYTES}",
                token.len()
            )));
        }
        let read = Token::read(token).map_err(Error::Record)?;
        let token = crate::digest::to_hex(token);
        self.ask(|then| Order::Stamp { seq, imprint: read.imprint, token, then })
    }

    /// Checks that the file still is where it was. Cheap enough for each answer.
    ///
    /// # Errors
    /// [`Error::Moved`] with what became of it.
    pub fn is_in_place(&self) -> Result<(), Error> {
        self.guard.lock().unwrap_or_else(PoisonError::into_inner).check()
    }

    /// Checks that records could be kept now: signs the head anew, with room for more beside the log.
    ///
    /// # Errors
    /// The reason why the log cannot grow.
    pub fn probe(&self) -> Result<(), Error> {
        self.ask(|then| Order::Probe { then })
    }

    /// Asks the thread that writes, and waits for what it says.
    fn ask<T>(&self, order: impl FnOnce(SyncSender<Result<T, Error>>) -> Order) -> Result<T, Error> {
        let (send, receive) = mpsc::sync_channel(1);
        match &self.orders {
            Some(orders) if orders.send(order(send)).is_ok() => receive.recv().unwrap_or_else(|_| Err(self.closed())),
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

    /// Removes the records of whole stretches between checkpoints that were complete before a time (milliseconds since
    /// 1970, by the machine's clock), and leaves a signed note of it. Returns how many went.
    ///
    /// # Errors
    /// The database's error; nothing is removed then.
    pub fn prune(&self, before: u64) -> Result<u64, Error> {
        self.ask(|then| Order::Prune { before, then })
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
        match self.thread.take().map(JoinHandle::join) {
            None => Ok(()),
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(self.closed()),
        }
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
        let (id, time) = (record.receipt.answer().id.clone(), record.receipt.answer().time);
        entry(id, time, &record.content(self.store).map_err(Error::Record)?)
    }
}

/// The row for something that happened, without its place in the chain.
fn entry(id: String, time: u64, content: &Content) -> Result<Entry, Error> {
    let text = content.to_text().map_err(Error::Record)?;
    if text.len() > MAX_CONTENT_BYTES {
        return Err(Error::Record(format!("it has {} bytes, but at most {MAX_CONTENT_BYTES} are kept", text.len())));
    }
    let none = crate::Digest([0; 32]);
    let (kind, digest) = (content.kind().to_owned(), content::digest(&text));
    Ok(Entry { seq: 0, kind, id, time, clock: 0, digest, content: Some(text), prev_hash: none, hash: none })
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
