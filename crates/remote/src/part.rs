//! A part: layers of a model that are computed here for a head elsewhere.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::channel::{Channel, Key};
use crate::host::{Host, Open, guard};
use crate::message::Reply;
use crate::session::Session;

/// Connections at the same time.
const MOST_CONNECTIONS: usize = 64;
/// Interval at which a head hears that its part is at work.
const WORKING: Duration = Duration::from_secs(1);

/// A part that is served, until it is closed or dropped.
pub struct Part {
    address: SocketAddr,
    open: Arc<Open>,
    thread: Option<JoinHandle<()>>,
}

impl Part {
    /// Serves whoever connects and has the key.
    ///
    /// # Errors
    /// A listener that others than this machine reach, without a key; one that does not work.
    pub fn start(listener: TcpListener, key: Key, host: Arc<dyn Host>) -> io::Result<Part> {
        let address = listener.local_addr()?;
        if key.is_none() && !address.ip().is_loopback() {
            let sentence = format!("a part at {address} can be reached by others, so it needs a key");
            return Err(io::Error::other(sentence));
        }
        let open = Arc::new(Open {
            host,
            key,
            loaded: Mutex::new(None),
            turn: Mutex::new(()),
            streams: Mutex::new(Vec::new()),
            is_closed: AtomicBool::new(false),
        });
        let accepting = open.clone();
        let thread =
            std::thread::Builder::new().name("part".to_owned()).spawn(move || accept(&listener, &accepting))?;
        Ok(Part { address, open, thread: Some(thread) })
    }

    /// Address where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves for ever.
    pub fn wait(mut self) {
        if let Some(thread) = self.thread.take() {
            // It ends by itself only where it was closed.
            let _ = thread.join();
        }
    }

    /// Ends it: no further connection, and the end of those that are there.
    pub fn close(&self) {
        self.open.is_closed.store(true, Ordering::SeqCst);
        for (_, stream) in guard(&self.open.streams).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Whoever waits for a connection is woken by one.
        let own = if self.address.ip().is_unspecified() {
            SocketAddr::from((Ipv4Addr::LOCALHOST, self.address.port()))
        } else {
            self.address
        };
        let _ = TcpStream::connect_timeout(&own, WORKING);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.close();
    }
}

fn accept(listener: &TcpListener, open: &Arc<Open>) {
    for number in 0.. {
        let accepted = listener.accept();
        if open.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok((stream, from)) = accepted else {
            std::thread::sleep(WORKING);
            continue;
        };
        let Ok(own) = stream.try_clone() else { continue };
        let mut streams = guard(&open.streams);
        if streams.len() >= MOST_CONNECTIONS {
            continue;
        }
        streams.push((number, own));
        drop(streams);
        let serving = open.clone();
        let serve = move || {
            if let Err(error) = converse(stream, &serving) {
                serving.host.note(&format!("the connection from {from} has ended: {error}"));
            }
            guard(&serving.streams).retain(|(other, _)| *other != number);
        };
        if std::thread::Builder::new().name("part's head".to_owned()).spawn(serve).is_err() {
            guard(&open.streams).retain(|(other, _)| *other != number);
        }
    }
}

/// Answers one connection until it ends.
fn converse(stream: TcpStream, open: &Open) -> io::Result<()> {
    let mut channel = Channel::to_head(stream, &open.key)?;
    let mut session = Session::new(open);
    loop {
        let bytes = match channel.receive() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        answer(&mut channel, &mut session, &bytes)?;
    }
}

/// Answers a message, and says in the meantime that somebody is at work.
fn answer(channel: &mut Channel, session: &mut Session<'_>, bytes: &[u8]) -> io::Result<()> {
    std::thread::scope(|scope| {
        let (done, waiting) = mpsc::channel();
        std::thread::Builder::new().spawn_scoped(scope, move || done.send(session.answer(bytes)))?;
        loop {
            match waiting.recv_timeout(WORKING) {
                Ok(reply) => return channel.send(&reply.bytes()),
                Err(RecvTimeoutError::Timeout) => channel.send(&Reply::Working.bytes())?,
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("it broke down")),
            }
        }
    })
}
