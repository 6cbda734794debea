//! Letters: everything from which another server goes on with one choice of an answer.

use super::FORMAT;
use crate::error::ApiError;
use crate::ids::hex;
use crate::limits::Limits;
use axum::body::Bytes;
use hefu_answer::Spec;
use hefu_engine::Request;
use hefu_engine::sampling::Parameters;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::time::Duration;

/// Longest name of a client or a model, and longest id, in bytes.
const MAX_NAME_BYTES: usize = 1024;

/// One choice of an answer on its way to another server. Nothing in it names who asked but the key's name, by which both servers
/// share the model evenly and keep apart what the cache holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Letter {
    /// [`FORMAT`].
    pub(crate) format: u32,
    /// The answer's id, for both servers' logs.
    pub(crate) answer: String,
    /// Which choice of it.
    pub(crate) choice: usize,
    /// The model's name where it comes from; what counts is its fingerprint.
    pub(crate) model: String,
    /// What both servers must share for the same bits.
    pub(crate) fingerprint: String,
    /// The name of the API key; empty without one.
    pub(crate) client: String,
    /// The group of keys that share what the cache holds.
    pub(crate) group: Option<u64>,
    /// Among the requests of one client.
    pub(crate) priority: i32,
    /// The time that is left to the answer.
    pub(crate) milliseconds: u64,
    /// The tokens of the prompt.
    pub(crate) prompt: Vec<u32>,
    /// Those of the answer so far.
    pub(crate) answered: Vec<u32>,
    /// Settings of sampling, with this choice's seed.
    pub(crate) parameters: Parameters,
    /// Tokens that end the answer.
    pub(crate) end_tokens: BTreeSet<u32>,
    /// Most tokens of the answer, bounded by the context where it comes from.
    pub(crate) max_tokens: usize,
    /// What the answer is held to from its beginning.
    pub(crate) structure: Option<Spec>,
    /// SHA-256 of the letter with nothing here, in hexadecimal digits. Whoever reads it takes it of what was read, so that a
    /// setting that did not survive the way is noticed.
    pub(crate) digest: String,
}

impl Letter {
    /// The same with its digest.
    pub(crate) fn sealed(mut self) -> Result<Self, String> {
        self.digest = String::new();
        self.digest = self.seal()?;
        Ok(self)
    }

    /// The letter as JSON.
    pub(crate) fn bytes(&self) -> Result<Bytes, String> {
        serde_json::to_vec(self).map(Bytes::from).map_err(|error| error.to_string())
    }

    /// A letter that came, once it is seen to be whole and within the limits.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn read(bytes: &[u8], limits: &Limits) -> Result<Self, ApiError> {
        let letter: Self = serde_json::from_slice(bytes)
            .map_err(|error| ApiError::invalid(format!("the body is no answer that could go on: {error}")))?;
        if letter.format != FORMAT {
            let found = letter.format;
            return Err(ApiError::parameter("format", format!("format is {found}, but must be {FORMAT}")));
        }
        let names = [&letter.answer, &letter.model, &letter.fingerprint, &letter.client];
        if names.iter().any(|name| name.len() > MAX_NAME_BYTES) {
            return Err(ApiError::invalid(format!("a name has more than {MAX_NAME_BYTES} bytes")));
        }
        for (name, found, most) in [
            ("prompt", letter.prompt.len(), limits.prompt_tokens),
            ("max_tokens", letter.max_tokens, limits.answer_tokens),
        ] {
            if let Some(most) = most.filter(|most| found > *most) {
                let sentence = format!("{name} asks for {found} tokens, but the server allows at most {most}");
                return Err(ApiError::parameter(name, sentence));
            }
        }
        let digest = Self { digest: String::new(), ..letter.clone() }.seal().map_err(ApiError::invalid)?;
        if digest != letter.digest {
            let sentence = "the digest is not that of the letter: something was changed on its way";
            return Err(ApiError::parameter("digest", sentence).code("digest_differs"));
        }
        Ok(letter)
    }

    /// What the scheduler is handed.
    pub(crate) fn request(&self) -> Request {
        Request {
            prompt: self.prompt.clone(),
            parameters: self.parameters.clone(),
            end_tokens: self.end_tokens.clone(),
            max_tokens: Some(self.max_tokens),
            prefill_chunk: usize::MAX,
            all_logits: false,
        }
    }

    /// The time that is left to it.
    pub(crate) fn time_left(&self) -> Duration {
        Duration::from_millis(self.milliseconds)
    }

    /// The digest of its tokens so far, which further ones are added to.
    pub(crate) fn text(&self) -> TextDigest {
        let mut text = TextDigest::default();
        self.prompt.iter().chain(&self.answered).for_each(|id| text.push(*id));
        text
    }

    fn seal(&self) -> Result<String, String> {
        let bytes = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        Ok(hex(&Sha256::digest(bytes)))
    }
}

/// SHA-256 of a text's tokens, as little-endian numbers of 32 bits.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextDigest(Sha256);

impl TextDigest {
    /// One more token.
    pub(crate) fn push(&mut self, id: u32) {
        self.0.update(id.to_le_bytes());
    }

    /// In hexadecimal digits.
    pub(crate) fn value(&self) -> String {
        hex(&self.0.clone().finalize())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// A letter about an answer with three tokens.
    pub(in crate::moving) fn letter() -> Letter {
        let letter = Letter {
            format: FORMAT,
            answer: "0190".to_owned(),
            choice: 1,
            model: "tiny".to_owned(),
            fingerprint: "hefu-1".to_owned(),
            client: "phone".to_owned(),
            group: Some(u64::MAX),
            priority: -3,
            milliseconds: 1000,
            prompt: vec![1, 2],
            answered: vec![3, 4, 5],
            parameters: Parameters { temperature: 0.7, top_p: 0.1, seed: u64::MAX, ..Parameters::default() },
            end_tokens: [7, 9].into(),
            max_tokens: 20,
            structure: Some(Spec::JsonSchema(json!({"type": "object", "b": 1, "a": [0.5, null]}))),
            digest: String::new(),
        };
        letter.sealed().unwrap()
    }

    #[test]
    fn a_letter_arrives_as_it_was_sent() {
        let sent = letter();
        let read = Letter::read(&sent.bytes().unwrap(), &Limits::default()).unwrap();
        assert_eq!(read, sent);
        assert_eq!(read.parameters.temperature.to_bits(), 0.7_f32.to_bits());
    }

    #[test]
    fn what_was_changed_on_the_way_or_is_too_large_is_refused_by_name() {
        let text = String::from_utf8(letter().bytes().unwrap().to_vec()).unwrap();
        let read = |text: &str, limits: &Limits| Letter::read(text.as_bytes(), limits).unwrap_err().message;
        let limits = Limits::default();
        for (from, to, word) in [
            ("[3,4,5]", "[3,4,6]", "digest"),
            ("\"priority\":-3", "\"priority\":3", "digest"),
            ("\"format\":1", "\"format\":2", "format is 2"),
            ("\"choice\":1", "\"choice\":-1", "could go on"),
            ("\"prompt\"", "\"prompted\"", "could go on"),
            ("\"tiny\"", &format!("\"{}\"", "a".repeat(2000)), "1024 bytes"),
        ] {
            assert!(text.contains(from), "{from}");
            let sentence = read(&text.replace(from, to), &limits);
            assert!(sentence.contains(word), "{from}: {sentence}");
        }
        let few = Limits { prompt_tokens: Some(1), ..Limits::default() };
        assert!(read(&text, &few).contains("at most 1"));
        let few = Limits { answer_tokens: Some(19), ..Limits::default() };
        assert!(read(&text, &few).contains("max_tokens asks for 20"));
    }

    proptest! {
        #[test]
        fn no_body_trips_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(Letter::read(&bytes, &Limits::default()).is_err());
        }
    }
}
