//! Receipts that this instance signs: its own key and program, and the answer as a receipt states it.

use crate::digests;
use crate::failure::Failure;
use crate::{home, own};
use hefu_answer::{AnswerRecord, Spec};
use hefu_engine::sampling::Parameters;
use hefu_engine::trace::Trace;
use hefu_proof::canonical::canonical;
use hefu_proof::{Digest, Grammar, Identity, Prompt, Receipt, Software, TraceRoot};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The file of the instance's key.
const KEY_FILE: &str = "identity.pem";

/// The key of this instance; made at its first use.
///
/// # Errors
/// If it cannot be read or written, or others can read it.
pub(crate) fn identity() -> Result<Identity, Failure> {
    let path = home::file(KEY_FILE)?;
    Identity::open_or_create(&path).map_err(|error| Failure::Other(error.to_string()))
}

/// The key of this instance, if it has one.
pub(crate) fn existing_identity() -> Option<Identity> {
    home::file(KEY_FILE).ok().and_then(|path| Identity::open(&path).ok())
}

/// This program, as receipts name it.
///
/// # Errors
/// If its own file cannot be read.
pub(crate) fn software() -> Result<Software, Failure> {
    let unknown = |error| Failure::Other(format!("the program cannot find its own file: {error}"));
    let path = own::computes().map_err(unknown)?;
    let digest = digests::of_file(&path)?.parse().map_err(Failure::Other)?;
    Ok(Software { name: concat!("hefu ", env!("CARGO_PKG_VERSION")).to_owned(), digest })
}

/// Signer of the answers of a program that gives many.
#[derive(Debug)]
pub(crate) struct Signer {
    /// The key.
    pub(crate) identity: Identity,
    /// The program.
    pub(crate) software: Software,
}

impl Signer {
    /// This instance.
    ///
    /// # Errors
    /// As [`identity`] and [`software`].
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self { identity: identity()?, software: software()? })
    }

    /// Signs an answer.
    ///
    /// # Errors
    /// An answer that no receipt may hold.
    pub(crate) fn sign(&self, record: &AnswerRecord) -> Result<Receipt, String> {
        let prompt = match record.hides_prompt {
            true => Prompt::hidden(&record.prompt)?,
            false => Prompt::Tokens(record.prompt.clone()),
        };
        let stated = hefu_proof::Answer {
            id: record.id.clone(),
            started: Some(record.started),
            time: now(),
            model: record.model.clone(),
            fingerprint: record.fingerprint.clone(),
            software: self.software.clone(),
            prompt,
            // Log-probabilities are a matter of the report; they choose no token.
            parameters: Parameters { logprobs: None, ..record.parameters.clone() },
            end_tokens: record.end_tokens.clone(),
            max_tokens: record.max_tokens,
            context: record.context,
            grammar: record.structure.as_ref().map(grammar).transpose()?,
            output: record.output.clone(),
            finish: record.finish,
            text_digest: Some(Digest::of(&[record.text.as_bytes()])),
            template_digest: record.template.map(Digest),
            stop_digest: stop_digest(&record.stops)?,
            trace: trace(record).as_ref().map(TraceRoot::of),
        };
        Receipt::sign(stated, &self.identity).map_err(|error| format!("no receipt can be made: {error}"))
    }
}

/// Form that an answer was held to, as JSON: keys in the order in which they were given, the order of an object's
/// properties.
fn grammar(spec: &Spec) -> Result<Grammar, String> {
    let text = serde_json::to_value(spec).map(|value| Grammar::new(value.to_string()));
    text.map_err(|error| format!("the grammar cannot be written into a receipt: {error}"))
}

/// SHA-256 of the stop strings as a JSON list in canonical form, if there are any.
fn stop_digest(stops: &[String]) -> Result<Option<Digest>, String> {
    let text = (!stops.is_empty()).then(|| canonical(&stops)).transpose()?;
    Ok(text.map(|text| Digest::of(&[text.as_bytes()])))
}

/// The digests that a record's receipt is about: none of what was computed after the answer's end.
pub(crate) fn trace(record: &AnswerRecord) -> Option<Trace> {
    let most = TraceRoot::most_positions(record.prompt.len(), record.output.len());
    record.trace.clone().map(|trace| trace.first(most))
}

/// Where the digests of the trace lie that a receipt states.
pub(crate) fn beside(receipt: &Path) -> PathBuf {
    let mut name = receipt.as_os_str().to_owned();
    name.push(".trace");
    name.into()
}

/// Makes sure that a receipt can be written to this place, before there is an answer.
///
/// # Errors
/// If it cannot.
pub(crate) fn check_place(path: &Path) -> Result<(), Failure> {
    let is_new = !path.exists();
    let opened = std::fs::OpenOptions::new().append(true).create(true).open(path);
    opened.map_err(|error| Failure::file("write the receipt to", path, error))?;
    if is_new {
        let _ = std::fs::remove_file(path);
    }
    Ok(())
}

/// Milliseconds since 1970 (UTC).
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
