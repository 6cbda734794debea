//! Notes in the audit log of what happens beside answers: models that come and go, keys, refusals, time stamps, and what is
//! ordered by hand. A thread writes them, so that nobody waits.

use super::log::Log;
use crate::failure::Failure;
use crate::orders::{Order, Orders};
use crate::timestamp;
use hefu_proof::audit::{Annotated, Error, Event, Reader};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Notes that may wait; further ones are lost, and the log on standard error says so.
const QUEUE: usize = 1024;
/// Interval of records of refusals, all of that time in one record: a flood of them must not fill the disk.
const REFUSALS_EVERY: Duration = Duration::from_secs(10);
/// Kinds of refusals that are told apart in that time; the others are counted together.
const MAX_KINDS: usize = 256;
/// Interval of looking for a checkpoint without a time stamp.
const STAMPS_EVERY: Duration = Duration::from_secs(60);

/// Something to be noted.
pub(super) enum KeeperMessage {
    /// What, and what is to be known of it.
    Event(&'static str, Value),
    /// No more is to come.
    End,
}

/// The thread and the way to it.
pub(super) struct Keeper {
    messages: SyncSender<KeeperMessage>,
    refusals: Arc<Mutex<Refusals>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// Requests that were not answered, counted by status, client and endpoint.
#[derive(Debug, Default)]
struct Refusals(BTreeMap<(u16, String, String), u64>);

impl Keeper {
    /// Starts the thread. Checkpoints are stamped by the authority at this address, if there is one; `redacted` is told the id
    /// of an answer that was taken away.
    pub(super) fn start(
        log: Arc<Log>,
        authority: Option<String>,
        redacted: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, Failure> {
        let authority = authority.map(|url| timestamp::Authority::new(&url)).transpose()?;
        let orders = Orders::of(log.path());
        if let Err(error) = &orders {
            tracing::warn!("the audit log cannot be annotated or redacted while it is written to: {error}");
        }
        let (messages, received) = sync_channel(QUEUE);
        let refusals = Arc::new(Mutex::new(Refusals::default()));
        let counted = Arc::clone(&refusals);
        let work = move || {
            let take_orders = || {
                if let Ok(orders) = &orders {
                    orders.take(|order| carry_out(&log, order, &redacted));
                }
            };
            keep(&log, &received, &counted, authority.as_ref(), &take_orders);
        };
        let thread = std::thread::Builder::new().name("hefu-keeper".to_owned()).spawn(work);
        let thread = thread.map_err(|error| Failure::Other(format!("a thread cannot be started: {error}")))?;
        Ok(Self { messages, refusals, thread: Mutex::new(Some(thread)) })
    }

    /// Hands something over to be noted.
    pub(super) fn tell(&self, message: KeeperMessage) {
        // Once the log is closed, nothing is noted any more.
        if let Err(TrySendError::Full(_)) = self.messages.try_send(message) {
            tracing::error!("an event is missing in the audit log: too many wait to be written");
        }
    }

    /// Counts a request that was not answered.
    pub(super) fn refused(&self, status: u16, client: &str, endpoint: &str) {
        lock(&self.refusals).count(status, client, endpoint);
    }

    /// Ends once everything is written.
    pub(super) fn finish(&self) {
        // The queue may be full; the thread takes from it until it is empty.
        let _ = self.messages.send(KeeperMessage::End);
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

/// Writes down what comes until the end.
fn keep(
    log: &Log,
    received: &Receiver<KeeperMessage>,
    refusals: &Mutex<Refusals>,
    authority: Option<&timestamp::Authority>,
    take_orders: &dyn Fn(),
) {
    let (mut counted, mut stamped) = (Instant::now(), Instant::now());
    loop {
        let message = received.recv_timeout(Duration::from_secs(1));
        let is_over = matches!(message, Ok(KeeperMessage::End) | Err(RecvTimeoutError::Disconnected));
        if is_over || counted.elapsed() >= REFUSALS_EVERY {
            counted = Instant::now();
            if let Some(details) = lock(refusals).take() {
                note(log, "refusals", details);
            }
        }
        take_orders();
        match message {
            Ok(KeeperMessage::Event(event, details)) => note(log, event, details),
            _ if is_over => return,
            _ => {}
        }
        if let Some(authority) = authority.filter(|_| stamped.elapsed() >= STAMPS_EVERY) {
            stamped = Instant::now();
            if let Err(sentence) = stamp(log, authority) {
                tracing::warn!("the audit log has no new time stamp: {sentence}");
            }
        }
    }
}

fn note(log: &Log, event: &str, details: Value) {
    let noted = Event::new(event, details).and_then(|event| log.write(|writer| writer.note(event).map(drop)));
    if let Err(sentence) = noted {
        tracing::error!("the event {event} is missing in the audit log: {sentence}");
    }
}

/// Does what somebody who may write to the log asks for; the number of the record that it is about.
fn carry_out(log: &Log, order: Order, redacted: &dyn Fn(&str)) -> Result<u64, String> {
    let mut number = 0;
    match order {
        Order::Redact { id, reason } => {
            let found = log.find(&id).map_err(|error| error.to_string())?;
            log.write(|writer| writer.redact(&id, &reason).map(|seq| number = seq))?;
            found.iter().for_each(|entry| redacted(&entry.id));
        }
        Order::Annotate(annotated) => {
            check_annotation(log, &annotated)?;
            log.write(|writer| writer.annotate(*annotated).map(|appended| number = appended.seq))?;
        }
    }
    Ok(number)
}

/// Checks that an annotation is what its key has signed, of an answer that is in the log.
fn check_annotation(log: &Log, annotated: &Annotated) -> Result<(), String> {
    let annotation = &annotated.annotation;
    let found = log.find(&annotation.of).map_err(|error| error.to_string())?;
    let answer = found.filter(|entry| entry.id == annotation.of).and_then(|entry| entry.answer());
    match answer {
        Some(answer) if answer.receipt_digest == annotation.receipt_digest && annotated.is_signed() => Ok(()),
        _ => Err("the annotation is not signed, or not of an answer in this log".to_owned()),
    }
}

/// Has the last checkpoint stamped, unless it is.
fn stamp(log: &Log, authority: &timestamp::Authority) -> Result<(), String> {
    let said = |error: Error| error.to_string();
    let Some(mark) = Reader::open(log.path()).and_then(|reader| reader.unstamped()).map_err(said)? else {
        return Ok(());
    };
    let token = authority.stamp(&mark.hash)?;
    log.write(|writer| writer.stamp(mark.seq, &token))
}

impl Refusals {
    fn count(&mut self, status: u16, client: &str, endpoint: &str) {
        let key = (status, client.to_owned(), endpoint.to_owned());
        let is_full = self.0.len() >= MAX_KINDS && !self.0.contains_key(&key);
        let key = if is_full { (0, String::new(), "other".to_owned()) } else { key };
        *self.0.entry(key).or_insert(0) += 1;
    }

    /// Counts since the last time, if there are any.
    fn take(&mut self) -> Option<Value> {
        let counts = std::mem::take(&mut self.0);
        let count = |((status, client, endpoint), count): ((u16, String, String), u64)| json!({"status": status, "client": client, "endpoint": endpoint, "count": count});
        (!counts.is_empty()).then(|| json!({"requests": counts.into_iter().map(count).collect::<Vec<_>>()}))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_and_their_kinds_bounded() {
        let mut refusals = Refusals::default();
        assert_eq!(refusals.take(), None);
        refusals.count(401, "", "/v1/models");
        refusals.count(401, "", "/v1/models");
        refusals.count(503, "phone", "/v1/completions");
        let expected = json!({"requests": [
            {"status": 401, "client": "", "endpoint": "/v1/models", "count": 2},
            {"status": 503, "client": "phone", "endpoint": "/v1/completions", "count": 1},
        ]});
        assert_eq!(refusals.take(), Some(expected));
        (0..2 * MAX_KINDS).for_each(|number| refusals.count(400, &number.to_string(), "/"));
        let told = refusals.take().unwrap();
        let counts = told["requests"].as_array().unwrap();
        assert_eq!(counts.len(), MAX_KINDS + 1);
        assert_eq!(counts[0]["count"], MAX_KINDS);
    }
}
