//! Contents of records. The chain holds the digest of it, so that what one record says can be taken away and the chain can
//! be checked all the same; a salt keeps a short text from being found by trying.

use super::Store;
use crate::canonical::canonical;
use crate::digest::{Digest, to_hex};
use crate::identity::{Identity, PublicKey, Signature};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Domain prefix of the digest of a record's content.
const CONTENT: &[u8] = b"hefu audit content 1\n";
/// Domain prefix of an annotation's signature.
const ANNOTATION: &[u8] = b"hefu annotation 1\n";
/// Random bytes in each content.
const SALT_BYTES: usize = 16;

/// Contents of records, by type.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// An answer.
    Answer(Box<Answered>),
    /// Something else that happened.
    Event(Event),
    /// A person's verdict on an answer.
    Annotation(Box<Annotated>),
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// Random bytes in hexadecimal digits.
    pub salt: String,
    /// Time when the request came: milliseconds since 1970 (UTC).
    pub started: Option<u64>,
    /// The model's name.
    pub model: String,
    /// The model's fingerprint.
    pub fingerprint: String,
    /// Client: the name of an API key.
    pub client: String,
    /// The pseudonym of the person for whom they asked, if the request named one; an older log has no such field.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Digest>,
    /// The request's id in the program's own log.
    pub request: String,
    /// Extent of the record: `ids`, `text` or `hashes`.
    pub store: String,
    /// The digest that the receipt states of itself.
    pub receipt_digest: Digest,
    /// SHA-256 of the answer's text.
    pub text_digest: Digest,
    /// SHA-256 of the chat template, if one made the prompt.
    pub template_digest: Option<Digest>,
    /// SHA-256 of the stop strings as a JSON list in canonical form, if there were any.
    pub stop_digest: Option<Digest>,
    /// The receipt, unless hashes alone are stored.
    pub receipt: Option<String>,
    /// The text of the answer, if texts are stored.
    pub text: Option<String>,
}

/// Something that happened to the program, its models, its keys or its log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// Random bytes in hexadecimal digits.
    pub salt: String,
    /// What: `start`, `stop`, `model_loaded`, `model_unloaded`, `keys_changed`, `refusals`, `redaction` …
    pub event: String,
    /// Its details; numbers are whole.
    pub details: Value,
}

/// A person's verdict on an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotated {
    /// Random bytes in hexadecimal digits.
    pub salt: String,
    /// The signed bytes.
    pub annotation: Annotation,
    /// Signer.
    pub key: PublicKey,
    /// The signature.
    pub signature: Signature,
}

/// The verdict of a person on an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotation {
    /// The answer's id.
    pub of: String,
    /// The digest of the answer's receipt.
    pub receipt_digest: Digest,
    /// Verdict on it.
    pub verdict: Verdict,
    /// The signer.
    pub by: String,
    /// Their note.
    pub note: String,
    /// When: milliseconds since 1970 (UTC).
    pub time: u64,
}

/// Verdicts on an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It was used as it is.
    Accepted,
    /// It was changed before it was used.
    Corrected,
    /// It was set aside, and a person decided otherwise.
    Overruled,
}

impl Annotated {
    /// Signs an annotation.
    ///
    /// # Errors
    /// A sentence, if the system gives no random numbers.
    pub fn sign(annotation: Annotation, identity: &Identity) -> Result<Self, String> {
        let signature = identity.sign(&message(&annotation)?);
        Ok(Self { salt: salt()?, annotation, key: identity.public(), signature })
    }

    /// True if its key has signed it.
    pub fn is_signed(&self) -> bool {
        message(&self.annotation).is_ok_and(|message| self.key.has_signed(&message, &self.signature))
    }
}

fn message(annotation: &Annotation) -> Result<Vec<u8>, String> {
    let digest = Digest::of(&[canonical(annotation)?.as_bytes()]);
    Ok([ANNOTATION, &digest.0].concat())
}

impl Event {
    /// An event that is to be recorded.
    ///
    /// # Errors
    /// A sentence, if the system gives no random numbers.
    pub fn new(event: &str, details: Value) -> Result<Self, String> {
        Ok(Self { salt: salt()?, event: event.to_owned(), details })
    }
}

impl Content {
    /// The name of its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Event(_) => "event",
            Self::Annotation(_) => "annotation",
        }
    }

    /// Reads what a record of this type says, in canonical form and no other.
    ///
    /// # Errors
    /// A sentence about what is wrong with it.
    pub fn parse(kind: &str, text: &str) -> Result<Self, String> {
        let failed =
            |error: serde_json::Error| format!("it does not say what a record of the type {kind:?} says: {error}");
        let content = match kind {
            "answer" => Self::Answer(Box::new(serde_json::from_str(text).map_err(failed)?)),
            "event" => Self::Event(serde_json::from_str(text).map_err(failed)?),
            "annotation" => Self::Annotation(Box::new(serde_json::from_str(text).map_err(failed)?)),
            other => return Err(format!("there is no type {other:?} of records")),
        };
        if content.to_text()? == text { Ok(content) } else { Err("it is not in canonical form".to_owned()) }
    }

    /// Its canonical form.
    ///
    /// # Errors
    /// A sentence, for what has none.
    pub fn to_text(&self) -> Result<String, String> {
        match self {
            Self::Answer(answer) => canonical(answer),
            Self::Event(event) => canonical(event),
            Self::Annotation(annotation) => canonical(annotation),
        }
    }
}

/// The digest of a record's content.
pub(super) fn digest(text: &str) -> Digest {
    Digest::of(&[CONTENT, text.as_bytes()])
}

/// New random bytes in hexadecimal digits.
pub(super) fn salt() -> Result<String, String> {
    let mut bytes = [0; SALT_BYTES];
    getrandom::fill(&mut bytes).map_err(|error| format!("the system gives no random numbers: {error}"))?;
    Ok(to_hex(&bytes))
}

impl super::Record {
    /// Record of the answer in a log that stores so much.
    pub(super) fn content(self, store: Store) -> Result<Content, String> {
        let answer = self.receipt.answer();
        Ok(Content::Answer(Box::new(Answered {
            salt: salt()?,
            started: answer.started,
            model: answer.model.clone(),
            fingerprint: answer.fingerprint.clone(),
            client: self.client,
            user: self.user,
            request: self.request,
            store: store.name().to_owned(),
            receipt_digest: *self.receipt.digest(),
            text_digest: Digest::of(&[self.text.as_bytes()]),
            template_digest: answer.template_digest,
            stop_digest: answer.stop_digest,
            receipt: (store != Store::Hashes).then(|| self.receipt.to_text()),
            text: (store == Store::Text).then_some(self.text),
        })))
    }
}
