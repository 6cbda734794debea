//! Options of a pull, and what is read from the environment.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use crate::digest::Digest;

/// Choices for one pull.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// The name under which a source that is not in the catalogue is kept; taken from its file name otherwise.
    pub name: Option<String>,
    /// The digest that a source that is not in the catalogue must have; recorded as found otherwise.
    pub sha256: Option<Digest>,
    /// Bytes of a file that memory bears, where one is to be chosen; `None` is no bound.
    pub room: Option<u64>,
    /// Timeouts and retries.
    pub network: Network,
    /// Settings of the process that sources honour.
    pub environment: Environment,
}

impl PullOptions {
    /// The defaults, with the environment that the process was started with.
    pub fn from_process() -> Self {
        Self { environment: Environment::from_process(), ..Self::default() }
    }
}

/// Patience with servers, and trust without encryption.
#[derive(Debug, Clone)]
pub struct Network {
    /// Longest wait for a name to be resolved, and again for a connection. Short, because a closed network often
    /// drops packets without an answer and the next source may be reachable.
    pub connect_timeout: Duration,
    /// Longest silence of a server in the middle of a transfer.
    pub read_timeout: Duration,
    /// Number of retries in a row, of a transfer that brings no new byte, before the source has failed.
    pub retries: u32,
    /// Pause before the first retry; doubled for each further one.
    pub retry_pause: Duration,
    /// Accept `http://` for hosts other than this machine.
    pub allow_plain_http: bool,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(60),
            retries: 4,
            retry_pause: Duration::from_secs(1),
            allow_plain_http: false,
        }
    }
}

/// The variables of the environment that sources honour.
#[derive(Clone, Default)]
pub struct Environment {
    /// `HF_ENDPOINT`: a mirror of the Hugging Face hub.
    pub hf_endpoint: Option<String>,
    /// `HF_TOKEN`: sent to that endpoint and to no other scheme, host or port.
    pub hf_token: Option<String>,
    /// `MODELSCOPE_ENDPOINT`: a mirror of ModelScope.
    pub modelscope_endpoint: Option<String>,
    /// `MODELSCOPE_API_TOKEN`: sent to that endpoint and to no other scheme, host or port.
    pub modelscope_token: Option<String>,
    /// `PATH`, when Python is to be looked for elsewhere than the process would.
    pub path: Option<OsString>,
}

impl Environment {
    /// Options by the environment that the process was started with.
    pub fn from_process() -> Self {
        let text =
            |name| std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        Self {
            hf_endpoint: text("HF_ENDPOINT"),
            hf_token: text("HF_TOKEN"),
            modelscope_endpoint: text("MODELSCOPE_ENDPOINT"),
            modelscope_token: text("MODELSCOPE_API_TOKEN"),
            path: None,
        }
    }
}

impl fmt::Debug for Environment {
    /// Leaves the tokens out, so that they cannot end up in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("hf_endpoint", &self.hf_endpoint)
            .field("hf_token", &self.hf_token.is_some())
            .field("modelscope_endpoint", &self.modelscope_endpoint)
            .field("modelscope_token", &self.modelscope_token.is_some())
            .field("path", &self.path)
            .finish()
    }
}
