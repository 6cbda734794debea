//! Receipts of the server's answers: signed as each is complete, in the audit log before its last byte leaves, and of the
//! newest answers at hand in memory. What else happens is noted in the log by a thread of its own ([`super::keeper`]).

use super::keeper::{Keeper, KeeperMessage};
use super::log::Log;
use crate::failure::Failure;
use crate::options::RecordOptions;
use crate::receipts::{self, Signer};
use hefu_answer::AnswerRecord;
use hefu_proof::{Receipt, audit, trace_to_text};
use hefu_server::record::Recorder;
use serde_json::{Value, json};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Most bytes of receipts that are held in memory.
const RECENT_BYTES: usize = 64 << 20;
/// Six months, wherever in the calendar they are the longest.
const SIX_MONTHS: Duration = Duration::from_secs(184 * 86_400);
/// The receipts of all answers.
pub(crate) struct Ledger {
    signer: Signer,
    hides_prompts: bool,
    log: Option<Arc<Log>>,
    keeper: Option<Keeper>,
    recent: Arc<Mutex<Recent>>,
}

/// The receipts of the newest answers.
#[derive(Debug, Default)]
struct Recent {
    limit: usize,
    bytes: usize,
    order: VecDeque<String>,
    /// By the answer's id.
    texts: HashMap<String, Texts>,
}

/// The receipt of an answer, and the digests of the trace that it states.
#[derive(Debug)]
struct Texts {
    client: String,
    receipt: String,
    trace: Option<String>,
}

impl Texts {
    fn bytes(&self) -> usize {
        self.receipt.len() + self.trace.as_ref().map_or(0, String::len)
    }
}

impl Ledger {
    /// Opens the log, if there is to be one.
    ///
    /// # Errors
    /// No key to sign with, or a log that cannot be opened.
    pub(crate) fn open(options: RecordOptions) -> Result<Self, Failure> {
        let signer = Signer::new()?;
        let log = match options.log {
            None => None,
            Some((path, options)) => {
                warn_of_short_keeping(options.keep);
                Some(Arc::new(Log::open(path, options, signer.identity.clone())?))
            }
        };
        let recent = Arc::new(Mutex::new(Recent { limit: options.recent, ..Recent::default() }));
        let start = |log: &Arc<Log>| {
            let recent = Arc::clone(&recent);
            Keeper::start(Arc::clone(log), options.authority, move |id| lock(&recent).forget(id))
        };
        let keeper = log.as_ref().map(start).transpose()?;
        Ok(Self { signer, hides_prompts: options.hides_prompts, log, keeper, recent })
    }

    /// Has something noted in the log, if there is one; returns at once.
    pub(crate) fn note(&self, event: &'static str, details: Value) {
        if let Some(keeper) = &self.keeper {
            keeper.tell(KeeperMessage::Event(event, details));
        }
    }

    /// Notes the program's start: what it is, on what it runs, how it was asked to, and what came of its selftest.
    pub(crate) fn note_start(&self, isa: &str, selftest: Option<&str>) {
        let software = &self.signer.software;
        self.note(
            "start",
            json!({
                "software": software.name,
                "program": software.digest.to_string(),
                "key": self.signer.identity.public().to_string(),
                "contract": hefu_numerics::CONTRACT_VERSION,
                "isa": isa,
                "selftest": selftest,
                "flags": std::env::args().skip(1).map(|flag| without_secrets(&flag)).collect::<Vec<_>>(),
            }),
        );
    }

    /// Leaves a last checkpoint and closes the log. Nothing can be recorded any more.
    ///
    /// # Errors
    /// If the checkpoint cannot be written.
    pub(crate) fn close(&self) -> Result<(), Failure> {
        let Some(log) = &self.log else { return Ok(()) };
        if let Some(keeper) = &self.keeper {
            keeper.tell(KeeperMessage::Event("stop", json!({})));
            keeper.finish();
        }
        log.close()
    }
}

impl Recorder for Ledger {
    fn record(&self, mut records: Vec<AnswerRecord>) -> Result<Vec<String>, String> {
        records.iter_mut().for_each(|record| record.hides_prompt |= self.hides_prompts);
        let receipts = records.iter().map(|record| self.signer.sign(record)).collect::<Result<Vec<_>, _>>()?;
        let texts = |(record, receipt): (&AnswerRecord, &Receipt)| {
            let trace = receipts::trace(record).as_ref().map(trace_to_text);
            (record.id.clone(), Texts { client: record.client.clone(), receipt: receipt.to_text(), trace })
        };
        let texts: Vec<(String, Texts)> = records.iter().zip(&receipts).map(texts).collect();
        let digests = receipts.iter().map(|receipt| receipt.digest().to_string()).collect();
        if let Some(log) = &self.log {
            let of = |(record, receipt): (AnswerRecord, Receipt)| audit::Record {
                receipt,
                text: record.text,
                client: record.client,
                user: record.user.map(|user| self.signer.identity.pseudonym(&user)),
                request: record.request,
            };
            log.append(records.into_iter().zip(receipts).map(of).collect())?;
        }
        let mut recent = lock(&self.recent);
        texts.into_iter().for_each(|(id, texts)| recent.push(id, texts));
        Ok(digests)
    }

    fn ready(&self) -> Result<(), String> {
        self.log.as_ref().map_or(Ok(()), |log| log.ready())
    }

    fn receipt(&self, id: &str, client: &str) -> Result<Option<String>, String> {
        if let Some(texts) = lock(&self.recent).texts.get(id) {
            return Ok((texts.client == client).then(|| texts.receipt.clone()));
        }
        let Some(log) = &self.log else { return Ok(None) };
        let entry = log.find(id).map_err(|error| error.to_string())?;
        let answer = entry.filter(|entry| entry.id == id).and_then(|entry| entry.answer());
        Ok(answer.filter(|answer| answer.client == client).and_then(|answer| answer.receipt))
    }

    fn trace(&self, id: &str, client: &str) -> Option<String> {
        let recent = lock(&self.recent);
        recent.texts.get(id).filter(|texts| texts.client == client)?.trace.clone()
    }

    fn refused(&self, status: u16, client: &str, endpoint: &str) {
        if let Some(keeper) = &self.keeper {
            keeper.refused(status, client, endpoint);
        }
    }

    fn edited(&self, client: &str, fingerprint: &str, tokens: usize) {
        self.note("edited_answer", json!({"client": client, "fingerprint": fingerprint, "tokens": tokens}));
    }

    fn moved(&self, event: &'static str, details: Value) {
        self.note(event, details);
    }
}

impl Recent {
    /// Forgets a receipt that was taken out of the log.
    fn forget(&mut self, id: &str) {
        if let Some(texts) = self.texts.remove(id) {
            self.bytes -= texts.bytes();
            self.order.retain(|other| other != id);
        }
    }

    fn push(&mut self, id: String, texts: Texts) {
        if self.limit == 0 || self.texts.contains_key(&id) {
            return;
        }
        self.bytes += texts.bytes();
        self.order.push_back(id.clone());
        self.texts.insert(id, texts);
        while self.order.len() > self.limit || self.bytes > RECENT_BYTES {
            let Some(oldest) = self.order.pop_front() else { break };
            self.bytes -= self.texts.remove(&oldest).map_or(0, |texts| texts.bytes());
        }
    }
}

/// Says so where records go sooner than the rules that ask for logs allow.
fn warn_of_short_keeping(keep: Option<Duration>) {
    if let Some(keep) = keep.filter(|keep| *keep < SIX_MONTHS) {
        tracing::warn!(
            "--audit-keep removes records after {} days; rules that ask for such logs want six months at least: \
             --audit-keep 6months",
            keep.as_secs() / 86_400
        );
    }
}

/// A flag without the name and the password that an address may hold.
fn without_secrets(flag: &str) -> String {
    match flag.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
        Some((scheme, host)) => format!("{scheme}://{host}"),
        None => flag.to_owned(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_of_an_address_is_noted() {
        for (flag, noted) in [
            ("--port", "--port"),
            ("https://user:pass@host/v1", "https://host/v1"),
            ("--otlp-endpoint=http://a:b@c@host", "--otlp-endpoint=http://host"),
            ("http://host/x", "http://host/x"),
        ] {
            assert_eq!(without_secrets(flag), noted);
        }
    }

    #[test]
    fn the_newest_receipts_are_at_hand_and_no_more() {
        let texts = |receipt: String| Texts { client: String::new(), receipt, trace: Some("1234".to_owned()) };
        let mut recent = Recent { limit: 2, ..Recent::default() };
        for id in ["a", "b", "c"] {
            recent.push(id.to_owned(), texts(id.repeat(10)));
        }
        assert_eq!((recent.order.len(), recent.bytes), (2, 28));
        assert!(!recent.texts.contains_key("a") && recent.texts.contains_key("c"));
        recent.forget("b");
        assert_eq!((recent.order.len(), recent.bytes), (1, 14));
        recent.push("d".to_owned(), texts("d".repeat(RECENT_BYTES - 5)));
        assert_eq!(recent.order, ["d"]);
        let mut none = Recent::default();
        none.push("a".to_owned(), texts("a".to_owned()));
        assert!(none.texts.is_empty());
    }
}
