//! The answer in a receipt: everything from which it can be made again.

use super::MAX_TOKENS;
use crate::digest::Digest;
use crate::trace::{MAX_LAYERS, TraceRoot};
use hefu_engine::inspect::is_of_edited;
use hefu_engine::sampling::Parameters;
use hefu_engine::verification::Claim;
use hefu_engine::{FinishReason, Request};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Longest of the short texts, in bytes.
const MAX_TEXT_BYTES: usize = 1024;
/// Longest grammar that is kept in a receipt, in bytes.
const MAX_GRAMMAR_BYTES: usize = 4 << 20;
/// Random bytes before a hashed prompt, so that a short one cannot be found by trying.
const SALT_BYTES: usize = 16;

/// An answer and what it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The answer's name; on a server the `id` of its response.
    pub id: String,
    /// Time when the request came, if that was noted: milliseconds since 1970 (UTC), by the instance's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// Time when it was complete, in the same way.
    pub time: u64,
    /// The model's name on the instance, for people. The fingerprint says what it is.
    pub model: String,
    /// Fingerprint of model, settings and contract.
    pub fingerprint: String,
    /// Software that made the answer.
    pub software: Software,
    /// The tokens of the prompt, or what they can be recognised by.
    pub prompt: Prompt,
    /// Sampling settings, the seed among them.
    pub parameters: Parameters,
    /// Tokens that would have ended the answer.
    pub end_tokens: BTreeSet<u32>,
    /// Most tokens that were asked for.
    pub max_tokens: Option<usize>,
    /// Most positions that prompt and answer had together.
    pub context: usize,
    /// The grammar that the answer had to follow.
    pub grammar: Option<Grammar>,
    /// The tokens of the answer, with the one that ended it.
    pub output: Vec<u32>,
    /// Reason why it is over.
    pub finish: FinishReason,
    /// SHA-256 of the answer's text, as the model wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_digest: Option<Digest>,
    /// SHA-256 of the chat template, if one made the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_digest: Option<Digest>,
    /// SHA-256 of the stop strings as a JSON list in canonical form, if there were any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_digest: Option<Digest>,
    /// Trace of the model's layers, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceRoot>,
}

/// The program that answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Software {
    /// Its name and version.
    pub name: String,
    /// SHA-256 of its executable file.
    pub digest: Digest,
}

/// The prompt of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Prompt {
    /// Its tokens.
    Tokens(Vec<u32>),
    /// For privacy: only what shows that given tokens are the prompt's.
    Hash {
        /// Random bytes, in hexadecimal digits.
        salt: String,
        /// SHA-256 of the salt's bytes and of each token as 4 little-endian bytes.
        sha256: Digest,
        /// Number of tokens.
        count: usize,
    },
}

/// A grammar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grammar {
    /// SHA-256 of the grammar's text.
    pub digest: Digest,
    /// The text itself, unless it is kept elsewhere.
    pub text: Option<String>,
}

impl Prompt {
    /// The prompt as a hash with a new salt.
    ///
    /// # Errors
    /// A sentence, if the system gives no random numbers.
    pub fn hidden(tokens: &[u32]) -> Result<Self, String> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| format!("the system gives no random numbers: {error}"))?;
        let sha256 = hash(&salt, tokens);
        Ok(Self::Hash { salt: crate::digest::to_hex(&salt), sha256, count: tokens.len() })
    }

    /// True if these are its tokens.
    pub fn is(&self, tokens: &[u32]) -> bool {
        match self {
            Self::Tokens(own) => own == tokens,
            Self::Hash { salt, sha256, count } => {
                let salt = crate::digest::from_hex::<SALT_BYTES>(salt);
                *count == tokens.len() && salt.is_some_and(|salt| hash(&salt, tokens) == *sha256)
            }
        }
    }

    /// Number of tokens.
    pub fn count(&self) -> usize {
        match self {
            Self::Tokens(tokens) => tokens.len(),
            Self::Hash { count, .. } => *count,
        }
    }
}

impl Grammar {
    /// The grammar with this text, which is kept unless it is longer than a receipt may hold.
    pub fn new(text: String) -> Self {
        let digest = Digest::of(&[text.as_bytes()]);
        Self { digest, text: (text.len() <= MAX_GRAMMAR_BYTES).then_some(text) }
    }

    /// True if the grammar has this text.
    pub fn is(&self, text: &str) -> bool {
        Digest::of(&[text.as_bytes()]) == self.digest
    }
}

impl Answer {
    /// Claim for the engine to make again. `prompt` is that of an answer that states its hash alone; `chunk` positions
    /// are computed at once.
    ///
    /// # Errors
    /// A sentence, if the prompt is not known.
    pub fn claim(&self, prompt: Option<&[u32]>, chunk: usize) -> Result<Claim, String> {
        let prompt = match (&self.prompt, prompt) {
            (Prompt::Tokens(tokens), _) => tokens.clone(),
            (hidden, Some(tokens)) if hidden.is(tokens) => tokens.to_vec(),
            (_, Some(_)) => return Err("the prompt that was given is not the one whose hash it states".to_owned()),
            (_, None) => return Err("it states its prompt's hash alone; give the tokens with --prompt-ids".to_owned()),
        };
        let request = Request {
            prompt,
            parameters: self.parameters.clone(),
            end_tokens: self.end_tokens.clone(),
            max_tokens: self.max_tokens,
            prefill_chunk: chunk,
            all_logits: false,
        };
        Ok(Claim { request, output: self.output.clone(), finish: self.finish, context: self.context })
    }

    /// Refuses an edited model's answer. A receipt holds no edits, so nobody can make such an answer again by it.
    ///
    /// # Errors
    /// The sentence that says so.
    pub fn check_edits(&self) -> Result<(), String> {
        let own = &self.fingerprint;
        let sentence = || {
            format!(
                "it is of an edited model, {own}, and holds no edits, so that the answer cannot be made again by it"
            )
        };
        if is_of_edited(own) { Err(sentence()) } else { Ok(()) }
    }

    /// Checks for what no receipt may hold; the error is a sentence.
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, text) in [
            ("id", &self.id),
            ("model", &self.model),
            ("fingerprint", &self.fingerprint),
            ("software.name", &self.software.name),
        ] {
            if text.is_empty() || text.len() > MAX_TEXT_BYTES {
                return Err(format!("{name} has {} bytes, but must have 1 to {MAX_TEXT_BYTES}", text.len()));
            }
        }
        for (name, count) in [("prompt", self.prompt.count()), ("output", self.output.len()), ("context", self.context)]
        {
            if count > MAX_TOKENS {
                return Err(format!("{name} counts {count} tokens, but at most {MAX_TOKENS} are possible"));
            }
        }
        if let Prompt::Hash { salt, .. } = &self.prompt
            && crate::digest::from_hex::<SALT_BYTES>(salt).is_none()
        {
            return Err(format!("prompt.hash.salt is not {} lower-case hexadecimal digits", 2 * SALT_BYTES));
        }
        if let Some(grammar) = &self.grammar
            && let Some(text) = &grammar.text
            && (text.len() > MAX_GRAMMAR_BYTES || !grammar.is(text))
        {
            return Err("grammar.digest is not that of grammar.text, or the text is too long".to_owned());
        }
        if let Some(trace) = &self.trace {
            let most = TraceRoot::most_positions(self.prompt.count(), self.output.len());
            if !(1..=MAX_LAYERS).contains(&trace.layers) || !(1..=most).contains(&trace.positions) {
                let (layers, positions) = (trace.layers, trace.positions);
                return Err(format!("trace counts {layers} layers of {positions} positions, of {most}"));
            }
        }
        self.parameters.validate().map_err(|error| error.to_string())
    }
}

fn hash(salt: &[u8], tokens: &[u32]) -> Digest {
    let bytes: Vec<u8> = tokens.iter().flat_map(|id| id.to_le_bytes()).collect();
    Digest::of(&[salt, &bytes])
}
