//! Downloads over HTTP: one file, continued where it stands, retried while it makes headway.
//!
//! A transfer asks for `Range: bytes=N-` when N bytes are there, with `If-Range` if this server named them by a strong
//! entity tag (RFC 9110, sections 13.1.5 and 14). A server that answers with the whole file is taken at its word and
//! the file starts anew. Bytes of unknown digest are only continued under such a tag.

mod address;
mod answer;
mod client;

use std::io::Read;
use std::thread;
use std::time::Duration;

use ureq::Body;
use ureq::http::{Response, StatusCode, header};

pub(crate) use address::Address;

use crate::digest::CHUNK_BYTES;
use crate::error::SourceFailure;
use crate::options::Network;
use crate::progress::{Notice, Phase};
use crate::source::{FetchError, Job};
use answer::{Answer, Trouble};

/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Most bytes of a document that is read at once.
const MAX_DOCUMENT_BYTES: u64 = 16 << 20;
/// Most redirects that are followed one after another.
const MAX_REDIRECTS: usize = 10;
/// Interval of asking a caller during a pause whether to stop.
const PAUSE_STEP: Duration = Duration::from_millis(100);

/// Fetches a URL into the job's partial file. `token` goes to that URL's scheme, host and port only; `token_name` is the
/// variable that a person would set to give one.
pub(crate) fn download(
    url: &str,
    token: Option<&str>,
    token_name: &str,
    job: &mut Job<'_, '_>,
) -> Result<(), FetchError> {
    let network = job.options.network.clone();
    let request = Request::new(url, token, token_name, &network).map_err(FetchError::Source)?;
    let mut best = job.partial.length();
    let mut idle = 0;
    loop {
        let reason = match request.transfer(job) {
            Ok(()) => return Ok(()),
            Err(Trouble::Final(error)) => return Err(error),
            Err(Trouble::Passing(reason)) => reason,
        };
        job.partial.flush()?;
        if job.partial.length() > best {
            best = job.partial.length();
            idle = 0;
        }
        if idle >= network.retries {
            return Err(FetchError::Source(reason));
        }
        let source = job.spec.to_owned();
        let failure = SourceFailure { source, reason };
        job.meter.notice(Notice::Retrying { failure });
        pause(network.retry_pause.saturating_mul(1 << idle.min(16)), job)?;
        idle += 1;
    }
}

/// Sleeps, letting the caller stop the download meanwhile.
fn pause(length: Duration, job: &mut Job<'_, '_>) -> Result<(), FetchError> {
    let mut left = length.min(LONGEST_PAUSE);
    while !left.is_zero() {
        job.meter.advance(Phase::Downloading, job.partial.length())?;
        let step = left.min(PAUSE_STEP);
        thread::sleep(step);
        left -= step;
    }
    Ok(())
}

struct Request<'a> {
    address: Address,
    token: Option<&'a str>,
    token_name: &'a str,
}

/// A small document: a hub's list of files. The reason for a failure is part of a sentence.
pub(crate) fn document(url: &str, token: Option<&str>, token_name: &str, network: &Network) -> Result<Vec<u8>, String> {
    let request = Request::new(url, token, token_name, network)?;
    let said = |trouble: Trouble| match trouble {
        Trouble::Passing(reason) | Trouble::Final(FetchError::Source(reason)) => reason,
        Trouble::Final(FetchError::Store(error)) => error.to_string(),
    };
    let mut response = request.ask(0, None, network).map_err(said)?;
    Answer::read(&response, 0, token_name).map_err(said)?;
    let body = response.body_mut().with_config().limit(MAX_DOCUMENT_BYTES).read_to_vec();
    body.map_err(|error| format!("the list of files cannot be read ({error})"))
}

impl<'a> Request<'a> {
    fn new(url: &str, token: Option<&'a str>, token_name: &'a str, network: &Network) -> Result<Self, String> {
        let address = Address::parse(url)?;
        address.permit(network)?;
        if token.is_some_and(|token| !token.chars().all(|c| c.is_ascii_graphic())) {
            return Err(format!("{token_name} holds a character that no token has; set it anew"));
        }
        Ok(Self { address, token, token_name })
    }

    /// One request: everything from where the partial file stands.
    fn transfer(&self, job: &mut Job<'_, '_>) -> Result<(), Trouble> {
        let may_continue = job.partial.expected().sha256.is_some() || job.partial.validator().is_some();
        if job.partial.length() > 0 && !may_continue {
            job.partial.restart()?;
        }
        let (response, answer) = loop {
            let start = job.partial.length();
            let response = self.send(start, job)?;
            if start > 0 && response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                if answer::length_by_refusal(&response) == Some(start) && job.partial.expected().size.is_none() {
                    return Ok(());
                }
            } else {
                let answer = Answer::read(&response, start, self.token_name)?;
                let validator = answer.validator.as_deref();
                if answer.start == 0 || job.partial.is_continued_by(validator, answer.total) {
                    break (response, answer);
                }
            }
            // It is part of another file. From the start on, no range is asked for and none can be refused.
            job.partial.restart()?;
        };
        if answer.start == 0 && job.partial.length() > 0 {
            job.partial.restart()?;
        }
        let total = answer.check_total(job.partial.expected().size)?;
        if let Some(size) = total.or(job.partial.expected().size) {
            job.partial.ensure_space(size)?;
        }
        job.partial.set_origin(answer.validator, total)?;
        receive(response.into_body(), total, job)
    }

    /// Asks for the bytes from `start` on.
    fn send(&self, start: u64, job: &Job<'_, '_>) -> Result<Response<Body>, Trouble> {
        self.ask(start, job.partial.validator(), &job.options.network)
    }

    /// Asks for the bytes from `start` on of the file with this tag, following redirects to places that are as trustworthy
    /// as the first.
    fn ask(&self, start: u64, validator: Option<&str>, network: &Network) -> Result<Response<Body>, Trouble> {
        let mut address = self.address.clone();
        for _ in 0..=MAX_REDIRECTS {
            let agent = client::agent(&address, network).map_err(Trouble::refuse)?;
            let mut request = agent.get(address.url()).header(header::ACCEPT_ENCODING, "identity");
            if start > 0 {
                request = request.header(header::RANGE, format!("bytes={start}-"));
                if let Some(validator) = validator {
                    request = request.header(header::IF_RANGE, validator);
                }
            }
            if let Some(token) = self.token.filter(|_| address.origin() == self.address.origin()) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call().map_err(Trouble::of)?;
            let location = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection());
            let Some(location) = location else { return Ok(response) };
            let next = location.to_str().map_err(|_| "the address is malformed".to_owned());
            let next = next.and_then(|location| address.join(location));
            let next = next.and_then(|next| next.permit(network).map(|()| next));
            address = next.map_err(|reason| Trouble::refuse(format!("redirects to a place where {reason}")))?;
        }
        Err(Trouble::refuse(format!("redirects more than {MAX_REDIRECTS} times")))
    }
}

/// Appends the body to the partial file.
fn receive(body: Body, total: Option<u64>, job: &mut Job<'_, '_>) -> Result<(), Trouble> {
    let mut reader = body.into_reader();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = match reader.read(&mut chunk) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(cut(&error.to_string(), total, job)),
        };
        if count == 0 {
            break;
        }
        if count as u64 > job.partial.room() {
            let limit = job.partial.length() + job.partial.room();
            let reason = format!("sends more than the {limit} bytes that the file has");
            return Err(Trouble::refuse(reason));
        }
        job.append(chunk.get(..count).unwrap_or_default()).map_err(Trouble::Final)?;
        job.meter.advance_of(Phase::Downloading, job.partial.length(), total)?;
    }
    match total {
        Some(total) if job.partial.length() < total => Err(cut("the server ended it early", Some(total), job)),
        _ => Ok(()),
    }
}

fn cut(reason: &str, total: Option<u64>, job: &Job<'_, '_>) -> Trouble {
    let done = job.partial.length();
    let of = total.map_or(String::new(), |total| format!(" of {total}"));
    Trouble::Passing(format!("the transfer was cut after {done}{of} bytes ({reason})"))
}
