//! Flags of the server: what it keeps to, and who may ask.

use crate::failure::Failure;
use crate::options;
use crate::output::text_file;
use clap::{Args, ValueEnum};
use hefu_answer::KeepAlive;
use hefu_server::moving::Destination;
use hefu_server::service::Service;
use std::net::{IpAddr, Ipv4Addr};
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::time::Duration;

/// Where the server listens and who may ask.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Access")]
pub(crate) struct AccessArguments {
    /// Address to listen on; any but this machine's own needs API keys [default: 127.0.0.1; of a class 0.0.0.0, which is all]
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub(crate) host: Option<IpAddr>,

    /// Port to listen on; 0 takes any that is free
    #[arg(long, value_name = "N", default_value_t = 8080)]
    pub(crate) port: u16,

    /// The file of keys [default: keys.json in HEFU_HOME, else in the folder hefu of the user's data folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) keys: Option<PathBuf>,

    /// Ask for a key on this machine's own addresses too
    #[arg(long)]
    pub(crate) require_key: bool,

    /// A further name under which requests may ask this server; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) allow_host: Vec<String>,

    /// Let pages of this origin ask; `*` is every one; may be given several times
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(crate) cors_origin: Vec<String>,

    /// Speak TLS with this chain of certificates (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// The key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,
}

/// What the server keeps to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct LimitArguments {
    /// Answers that are computed at the same time
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) max_running: NonZeroUsize,

    /// Answers that wait; further requests are told to come again
    #[arg(long, value_name = "N", default_value_t = 1024)]
    pub(crate) max_queue: usize,

    /// Answers that one request may ask for
    #[arg(long, value_name = "N", default_value = "64")]
    pub(crate) max_choices: NonZeroUsize,

    /// Tokens of a prompt [default: what the context holds]
    #[arg(long, value_name = "N")]
    pub(crate) max_prompt_tokens: Option<NonZeroUsize>,

    /// Tokens of an answer [default: what the context holds]
    #[arg(long, value_name = "N")]
    pub(crate) max_answer_tokens: Option<NonZeroUsize>,

    /// Bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value = "8M", value_parser = parse_some_bytes)]
    pub(crate) max_body_bytes: u64,

    /// Memory for all requests that are being read and worked out, with K, M or G; a request takes up to eight times its body,
    /// small ones do not count, and one client has at most half of it
    #[arg(long, value_name = "BYTES", default_value = "1G", value_parser = parse_bytes)]
    pub(crate) request_memory: u64,

    /// Connections at the same time; others wait
    #[arg(long, value_name = "N", default_value = "4096")]
    pub(crate) max_connections: NonZeroUsize,

    /// Seconds that a request may take in all
    #[arg(long, value_name = "N", default_value = "600")]
    pub(crate) request_seconds: NonZeroU64,

    /// Seconds that a request's head and body may take to arrive
    #[arg(long, value_name = "N", default_value = "30")]
    pub(crate) read_seconds: NonZeroU64,

    /// Seconds that a client may leave its answer unread before it loses it
    #[arg(long, value_name = "N", default_value = "60")]
    pub(crate) stall_seconds: NonZeroU64,

    /// Seconds that running answers may take once the server is told to stop
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) drain_seconds: u64,

    /// Memory for all loaded models, with K, M or G [default: what is free at the start]
    #[arg(long, value_name = "BYTES", value_parser = parse_bytes)]
    pub(crate) memory_budget: Option<u64>,

    /// Time that a model stays in memory after its last request: seconds, or `forever`, until memory is needed
    #[arg(long, value_name = "TIME", default_value = "forever", value_parser = parse_keep_alive)]
    pub(crate) keep_alive: KeepAlive,

    /// Positions of each model's cache, which all its requests share [default: two contexts]
    #[arg(long, value_name = "N")]
    pub(crate) cache_tokens: Option<NonZeroUsize>,

    /// Compute every prompt from its beginning, whatever the cache holds of earlier ones
    #[arg(long)]
    pub(crate) no_prefix_reuse: bool,
}

/// Where everything goes once the server is told to stop.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct DrainArguments {
    /// Address of another hefu server with the same models, such as http://127.0.0.1:8081: running answers and kept responses go on there
    /// once this one is told to stop
    #[arg(long, value_name = "URL", requires = "drain_key")]
    drain_to: Option<String>,

    /// The file with the key of an operator of that server, as hefu key add NAME --operator prints it there
    #[arg(long, value_name = "FILE", requires = "drain_to")]
    drain_key: Option<PathBuf>,
}

impl DrainArguments {
    /// Has a server's work go on there at its end, if another server is named.
    ///
    /// # Errors
    /// An address that is none, or a file that cannot be read or holds no key.
    pub(crate) fn apply(&self, service: &Service) -> Result<(), Failure> {
        let (Some(to), Some(file)) = (&self.drain_to, &self.drain_key) else { return Ok(()) };
        let key = text_file(file)?;
        service.set_successor(Destination::new(to, key.trim()).map_err(Failure::Usage)?);
        Ok(())
    }
}

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people
    Text,
    /// A JSON object on each line
    Json,
}

impl From<LogFormat> for options::LogFormat {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}

/// A number of bytes, perhaps with a binary unit.
fn parse_bytes(text: &str) -> Result<u64, String> {
    let expected = || "expected a number of bytes, perhaps with K, M, G or T, such as 12G".to_owned();
    let text = text.trim().trim_end_matches("iB").trim_end_matches('B');
    let (digits, shift) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (text.get(..at), 10),
        Some((at, 'M' | 'm')) => (text.get(..at), 20),
        Some((at, 'G' | 'g')) => (text.get(..at), 30),
        Some((at, 'T' | 't')) => (text.get(..at), 40),
        _ => (Some(text), 0),
    };
    let number: u64 = digits.unwrap_or_default().trim().parse().map_err(|_| expected())?;
    number.checked_mul(1 << shift).ok_or_else(expected)
}

/// Bytes of what cannot be empty.
fn parse_some_bytes(text: &str) -> Result<u64, String> {
    match parse_bytes(text)? {
        0 => Err("it must be at least 1".to_owned()),
        bytes => Ok(bytes),
    }
}

/// Where a page is from, as a browser writes it: one that is written otherwise would never be the same.
fn origin(text: &str) -> Result<String, String> {
    let is_whole = |(scheme, rest): (&str, &str)| {
        let names = !scheme.is_empty() && !rest.is_empty();
        names && !text.contains(|c: char| c.is_whitespace() || c.is_control()) && !rest.contains(['/', '?', '#'])
    };
    match text {
        "*" | "null" => Ok(text.to_owned()),
        _ if text.split_once("://").is_some_and(is_whole) => Ok(text.to_owned()),
        _ => Err(
            "expected a scheme and a host without a path, such as https://app.example or http://localhost:3000, or *"
                .to_owned(),
        ),
    }
}

fn parse_keep_alive(text: &str) -> Result<KeepAlive, String> {
    if text == "forever" {
        return Ok(KeepAlive::Forever);
    }
    let seconds = text.trim_end_matches('s').parse();
    let seconds = seconds.map_err(|_| "expected a number of seconds, or forever".to_owned())?;
    Ok(KeepAlive::For(Duration::from_secs(seconds)))
}

/// An address to listen on; names but that of this machine itself are not looked up.
fn address(text: &str) -> Result<IpAddr, String> {
    match text {
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        _ => text.parse().map_err(|_| "expected an IP address, such as 127.0.0.1, 0.0.0.0 or ::1".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_binary_units() {
        for (text, bytes) in [("0", 0), ("12", 12), ("2K", 2048), ("3MiB", 3 << 20), ("1G", 1 << 30), ("7 GB", 7 << 30)]
        {
            assert_eq!(parse_bytes(text), Ok(bytes));
        }
        for bad in ["", "K", "-1", "1.5G", "99999999T", "x"] {
            assert!(parse_bytes(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_body_has_bytes_and_an_origin_no_path() {
        assert_eq!(parse_some_bytes("1K"), Ok(1024));
        assert!(parse_some_bytes("0").is_err());
        for good in
            ["*", "null", "https://app.example", "http://localhost:3000", "vscode-webview://1ab", "http://[::1]:3000"]
        {
            assert_eq!(origin(good).as_deref(), Ok(good));
        }
        for bad in
            ["", "app.example", "https://", "://x", "https://app.example/", "https://app.example/page", "https://a b"]
        {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_time_to_stay_is_seconds_or_forever() {
        assert_eq!(parse_keep_alive("forever"), Ok(KeepAlive::Forever));
        assert_eq!(parse_keep_alive("300s"), Ok(KeepAlive::For(Duration::from_secs(300))));
        assert!(parse_keep_alive("soon").is_err());
    }
}
