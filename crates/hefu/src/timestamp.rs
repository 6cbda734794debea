//! Asking a time-stamping authority (RFC 3161 over HTTP, section 3.4).

use crate::failure::Failure;
use crate::network;
use hefu_proof::Digest;
use hefu_proof::audit::{Token, stamp_request};
use std::time::Duration;
use ureq::Agent;

/// Time limit of one question.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Most bytes of an answer.
const MAX_ANSWER_BYTES: u64 = 64 << 10;

/// An authority that stamps digests with the time.
pub(crate) struct Authority {
    url: String,
    agent: Agent,
}

impl Authority {
    /// The authority at an address.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what is no address of the web.
    pub(crate) fn new(url: &str) -> Result<Self, Failure> {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            return Err(Failure::Usage(format!(
                "{url:?} is no address of a time-stamping authority; one begins with https:// or http://"
            )));
        }
        Ok(Self { url: url.to_owned(), agent: network::agent(TIMEOUT) })
    }

    /// The authority's answer (DER): a stamp of this digest and no other.
    ///
    /// # Errors
    /// A sentence, if there is none.
    pub(crate) fn stamp(&self, imprint: &Digest) -> Result<Vec<u8>, String> {
        let failed = |error: ureq::Error| format!("{} cannot be asked for a time stamp: {error}", self.url);
        let question = self.agent.post(&self.url).content_type("application/timestamp-query");
        let mut answer = question.send(stamp_request(imprint)?).map_err(failed)?;
        if !answer.status().is_success() {
            return Err(format!("{} answers {} to the question for a time stamp", self.url, answer.status()));
        }
        let bytes = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_vec().map_err(failed)?;
        match Token::read(&bytes)? {
            token if token.imprint == *imprint => Ok(bytes),
            _ => Err(format!("{} stamped something else than was asked for", self.url)),
        }
    }
}
