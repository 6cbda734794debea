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

use ureq::http::{Response, header};
use ureq::{Agent, Body, ResponseExt};

pub(crate) use address::Address;

use crate::digest::CHUNK_BYTES;
use crate::error::SourceFailure;
use crate::progress::{Notice, Phase};
use crate::source::{FetchError, Job};
use answer::{Answer, Trouble};

/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often a caller is asked during a pause whether to stop.
const PAUSE_STEP: Duration = Duration::from_millis(100);

/// Fetches a URL into the job's partial file. `token` goes to that URL's host only; `token_name` is the variable that
/// a person would set to give one.
pub(crate) fn download(
    url: &str,
    token: Option<&str>,
    token_name: &str,
    job: &mut Job<'_, '_>,
) -> Result<(), FetchError> {
    let address = Address::parse(url).map_err(FetchError::Source)?;
    let network = job.options.network.clone();
    address.permit(&network).map_err(FetchError::Source)?;
    let agent = client::agent(&address, &network).map_err(FetchError::Source)?;
    let request = Request { agent, url, token, token_name };
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
    agent: Agent,
    url: &'a str,
    token: Option<&'a str>,
    token_name: &'a str,
}

impl Request<'_> {
    /// One request: everything from where the partial file stands.
    fn transfer(&self, job: &mut Job<'_, '_>) -> Result<(), Trouble> {
        let may_continue = job.partial.expected().sha256.is_some() || job.partial.validator().is_some();
        if job.partial.length() > 0 && !may_continue {
            job.partial.restart()?;
        }
        let start = job.partial.length();
        let response = self.send(start, job)?;
        let answer = Answer::read(&response, start, self.token_name)?;
        if answer.start == 0 && start > 0 {
            job.partial.restart()?;
        }
        let total = answer.check_total(job.partial.expected().size)?;
        if let Some(size) = total.or(job.partial.expected().size) {
            job.partial.ensure_space(size)?;
        }
        job.partial.set_validator(answer.validator)?;
        receive(response.into_body(), total, job)
    }

    fn send(&self, start: u64, job: &Job<'_, '_>) -> Result<Response<Body>, Trouble> {
        let mut request = self.agent.get(self.url).header(header::ACCEPT_ENCODING, "identity");
        if start > 0 {
            request = request.header(header::RANGE, format!("bytes={start}-"));
            if let Some(validator) = job.partial.validator() {
                request = request.header(header::IF_RANGE, validator);
            }
        }
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let response = request.call().map_err(Trouble::of)?;
        // The client follows redirects; where they end must be as trustworthy as where they began.
        Address::of(response.get_uri().clone())
            .and_then(|address| address.permit(&job.options.network))
            .map_err(|reason| Trouble::refuse(format!("redirects to a place where {reason}")))?;
        Ok(response)
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
        job.partial.append(chunk.get(..count).unwrap_or_default())?;
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
