//! A connection to a part, and what is asked over it.

use hefu_numerics::device::{Error, Footprint, Size};
use hefu_numerics::program::Value;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::addresses::Addresses;
use crate::channel::{Channel, Key};
use crate::message::{Fault, FaultKind, Reply, Request, Spec};

/// Time limit of making a connection.
const CONNECTING: Duration = Duration::from_secs(5);
/// Longest silence of a part; while it computes it says so every second.
const SILENCE: Duration = Duration::from_secs(15);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// The name of such devices.
pub(crate) const NAME: &str = "part";

/// Reason why a part gave no answer.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It cannot be reached any more.
    Lost(String),
    /// It says no.
    Fault(Fault),
}

impl Trouble {
    /// As an error of a device.
    pub(crate) fn error(self, address: &str) -> Error {
        match self {
            Trouble::Lost(problem) => Error::Device { device: NAME, problem },
            Trouble::Fault(Fault { kind, sentence }) => match kind {
                FaultKind::Refused => Error::Unsuited { problem: format!("the part at {address} says: {sentence}") },
                FaultKind::Batch => Error::BadBatch { problem: sentence },
                FaultKind::Device => {
                    Error::Device { device: NAME, problem: format!("the one at {address} says: {sentence}") }
                }
            },
        }
    }
}

/// A part that can be asked.
#[derive(Debug)]
pub(crate) struct Placed {
    channel: Channel,
    pub(crate) address: String,
}

impl Placed {
    /// Connects to where the part is now.
    pub(crate) fn reach(addresses: &dyn Addresses, key: &Key, attempt: usize) -> Result<Placed, Error> {
        let lost = |problem: String| Error::Device { device: NAME, problem };
        let address = addresses.find(attempt).map_err(lost)?;
        let reached = connect(&address).and_then(|stream| Channel::to_part(stream, key, SILENCE));
        let channel = reached.map_err(|error| lost(format!("{address} cannot be reached: {}", words(&error))))?;
        Ok(Placed { channel, address })
    }

    /// The same, in as many attempts as there are addresses.
    pub(crate) fn reach_any(addresses: &dyn Addresses, key: &Key) -> Result<Placed, Error> {
        let attempts = addresses.count().max(1);
        let mut found = Placed::reach(addresses, key, 0);
        for attempt in 1..attempts {
            if found.is_ok() {
                break;
            }
            found = Placed::reach(addresses, key, attempt);
        }
        found
    }

    /// Asks, and waits for as long as the part is at work.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Result<Reply, Trouble> {
        let address = &self.address;
        let lost = |problem: &str| Trouble::Lost(format!("{address} was lost: {problem}"));
        self.channel.send(request).map_err(|error| lost(&words(&error)))?;
        loop {
            let bytes = self.channel.receive().map_err(|error| lost(&words(&error)))?;
            match Reply::read(&bytes).map_err(|error| lost(&error.to_string()))? {
                Reply::Working => {}
                Reply::Failed(fault) => return Err(Trouble::Fault(fault)),
                reply => return Ok(reply),
            }
        }
    }

    fn asked(&mut self, request: &Request) -> Result<Reply, Error> {
        self.ask(&request.bytes()).map_err(|trouble| trouble.error(&self.address))
    }

    /// The memory that a part takes for these layers.
    pub(crate) fn plan(&mut self, spec: &Spec, size: &Size) -> Result<Footprint, Error> {
        let request = Request::Plan(spec.clone(), *size);
        self.asked(&request).and_then(|reply| footprint(&reply))
    }

    /// Has it bring the weights to its memory; their bytes.
    pub(crate) fn load(&mut self, spec: &Spec, identity: &str) -> Result<usize, Error> {
        let request = Request::Load(spec.clone(), identity.to_owned());
        Ok(self.asked(&request).and_then(|reply| footprint(&reply))?.weights)
    }

    /// Has it make them ready, with empty states.
    pub(crate) fn compile(&mut self, size: &Size, reads: &[Value]) -> Result<Footprint, Error> {
        let request = Request::Compile(*size, reads.to_vec());
        self.asked(&request).and_then(|reply| footprint(&reply))
    }
}

/// Tries until it succeeds or the time is over; then what was wrong last.
pub(crate) fn patiently<T>(patience: Duration, mut attempt: impl FnMut(usize) -> Result<T, Error>) -> Result<T, Error> {
    let begun = Instant::now();
    for number in 0.. {
        match attempt(number) {
            Err(_) if begun.elapsed() < patience => std::thread::sleep(PAUSE),
            result => return result,
        }
    }
    attempt(0)
}

fn footprint(reply: &Reply) -> Result<Footprint, Error> {
    match reply {
        Reply::Footprint(footprint) => Ok(*footprint),
        _ => Err(Error::Device { device: NAME, problem: "it answered something else".to_owned() }),
    }
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let mut failed = io::Error::other("there is no such address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECTING) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The system's error, in words for people where its own are misleading.
fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => "it has been silent for too long".to_owned(),
        _ => error.to_string(),
    }
}
