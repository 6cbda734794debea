//! Interpretation of HTTP responses: where its bytes start, how long the file is, and which failures may pass.

use std::io;

use ureq::http::{HeaderName, Response, StatusCode, header};
use ureq::{Body, Timeout};

use crate::error::StoreError;
use crate::limits::MAX_FILE_BYTES;
use crate::source::FetchError;

/// A failed transfer.
pub(super) enum Trouble {
    /// Another attempt at the same server may succeed.
    Passing(String),
    /// It would not.
    Final(FetchError),
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::Final(FetchError::Store(error))
    }
}

impl Trouble {
    pub(super) fn refuse(reason: String) -> Self {
        Self::Final(FetchError::Source(reason))
    }

    /// Sorts the client's errors. A host that cannot be reached is final: the next source may be quicker than it.
    pub(super) fn of(error: ureq::Error) -> Self {
        use io::ErrorKind as Kind;
        match error {
            ureq::Error::HostNotFound => Self::refuse("the host is not known here".to_owned()),
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                Self::refuse("the host cannot be reached (no answer in time)".to_owned())
            }
            ureq::Error::Timeout(phase) => Self::Passing(format!("the server was silent for too long ({phase})")),
            ureq::Error::Io(error) => {
                let reason = format!("the connection failed ({error})");
                match error.kind() {
                    Kind::ConnectionReset | Kind::ConnectionAborted | Kind::UnexpectedEof => Self::Passing(reason),
                    Kind::BrokenPipe | Kind::TimedOut | Kind::WouldBlock => Self::Passing(reason),
                    _ => Self::refuse(reason),
                }
            }
            other => Self::refuse(format!("the request failed ({other})")),
        }
    }
}

/// A successful answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// Where the body's first byte belongs.
    pub(super) start: u64,
    /// The length of the whole file, if the server told.
    pub(super) total: Option<u64>,
    /// The strong entity tag, if there is one.
    pub(super) validator: Option<String>,
}

impl Answer {
    /// Reads status and headers of the answer to a request for the bytes from `start` on.
    pub(super) fn read(response: &Response<Body>, start: u64, token_name: &str) -> Result<Self, Trouble> {
        let text = |name: HeaderName| response.headers().get(name)?.to_str().ok();
        let status = response.status();
        let (start, total) = match status {
            StatusCode::OK => (0, response.body().content_length()),
            StatusCode::PARTIAL_CONTENT => {
                let range = text(header::CONTENT_RANGE).and_then(parse_content_range);
                match range {
                    Some((first, total)) if first == start => (start, total),
                    _ => return Err(Trouble::refuse("answers with other bytes than asked for".to_owned())),
                }
            }
            status if status.is_redirection() => {
                return Err(Trouble::refuse(format!("the server answered {status} without saying where to go")));
            }
            _ => return Err(failure(status, token_name)),
        };
        if let Some(coding) = text(header::CONTENT_ENCODING).filter(|coding| *coding != "identity") {
            return Err(Trouble::refuse(format!("sends the file in the coding `{coding}`")));
        }
        let strong = |tag: &&str| tag.starts_with('"') && tag.ends_with('"');
        let validator = text(header::ETAG).filter(strong).map(str::to_owned);
        Ok(Self { start, total, validator })
    }

    /// The length of the whole file, refused if it is absurd or not the expected one.
    pub(super) fn check_total(&self, expected: Option<u64>) -> Result<Option<u64>, Trouble> {
        match (self.total, expected) {
            (Some(total), Some(expected)) if total != expected => {
                Err(Trouble::refuse(format!("offers a file of {total} bytes instead of {expected}")))
            }
            (Some(total), _) if total > MAX_FILE_BYTES => {
                Err(Trouble::refuse(format!("claims an absurd length of {total} bytes")))
            }
            (total, _) => Ok(total),
        }
    }
}

/// The length of the file by a server that has nothing from there on: `bytes */TOTAL` (RFC 9110, section 15.5.17).
pub(super) fn length_by_refusal(response: &Response<Body>) -> Option<u64> {
    response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.parse().ok()
}

/// Reads `bytes FIRST-LAST/TOTAL` or `bytes FIRST-LAST/*` (RFC 9110, section 14.4).
fn parse_content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let total = match total {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let ordered = first <= last && total.is_none_or(|total| last < total);
    ordered.then_some((first, total))
}

fn failure(status: StatusCode, token_name: &str) -> Trouble {
    let said = format!("the server answered {status}");
    match status.as_u16() {
        401 | 403 if token_name.is_empty() => Trouble::refuse(format!("{said}: it wants an account")),
        401 | 403 => {
            Trouble::refuse(format!("{said}: accept the model's terms on its page if it has any, and set {token_name}"))
        }
        404 | 410 => Trouble::refuse(format!("{said}: the file is not there")),
        408 | 416 | 425 | 429 | 500 | 502 | 503 | 504 => Trouble::Passing(said),
        _ => Trouble::refuse(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_ranges_are_read_or_refused() {
        for (text, range) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes 5-9/9", None),
            ("bytes 9-5/10", None),
            ("bytes */10", None),
            ("bytes 5-99999999999999999999/*", None),
            ("items 5-9/10", None),
            ("", None),
        ] {
            assert_eq!(parse_content_range(text), range, "{text}");
        }
    }
}
