//! Asks a server how it is.

use super::snapshot::Snapshot;
use super::view::printable;
use crate::failure::Failure;
use crate::network::agent;
use std::time::Duration;
use ureq::Agent;

/// Time limit of one question.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most bytes of an answer.
const MAX_ANSWER_BYTES: u64 = 8 << 20;

/// A server.
pub(super) struct Client {
    agent: Agent,
    url: String,
    key: Option<String>,
}

impl Client {
    /// A client of the server at an address, such as `http://127.0.0.1:8080`.
    ///
    /// # Errors
    /// An address of another kind.
    pub(super) fn new(url: &str, key: Option<String>) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(Failure::Usage(format!(
                "the address {url:?} must begin with http:// or https://, as in http://127.0.0.1:8080"
            )));
        }
        Ok(Self { agent: agent(TIMEOUT), url: url.to_owned(), key })
    }

    /// The server's address.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The server's present state.
    ///
    /// # Errors
    /// A server that cannot be reached, refuses, or is another program's.
    pub(super) fn ask(&self) -> Result<Snapshot, Failure> {
        let (metrics, slots) = (self.get("/metrics")?, self.get("/slots")?);
        Snapshot::read(&metrics, &slots).map_err(|_| {
            Failure::Other(format!("{}/slots answers something else than Hefu's server does; see --url", self.url))
        })
    }

    fn get(&self, path: &str) -> Result<String, Failure> {
        let at = format!("{}{path}", self.url);
        let mut request = self.agent.get(&at);
        if let Some(key) = &self.key {
            request = request.header("authorization", format!("Bearer {key}"));
        }
        let mut answer = request.call().map_err(|error| {
            Failure::Other(format!("{at} cannot be reached ({error}); see whether the server runs and what --url says"))
        })?;
        let text = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string();
        match answer.status().as_u16() {
            200 => text.map_err(|error| Failure::Other(format!("what {at} answers cannot be read: {error}"))),
            401 | 403 => Err(Failure::Other(format!(
                "{at} asks for a valid API key; give one with --api-key or HEFU_API_KEY (`hefu key add` makes one)"
            ))),
            status => {
                let said = printable(&text.unwrap_or_default().chars().take(200).collect::<String>());
                Err(Failure::Other(format!("{at} answers with status {status}: {said}")))
            }
        }
    }
}
