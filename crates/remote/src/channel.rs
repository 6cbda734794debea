//! A connection between two who have the same key.
//!
//! ```text
//! part ─▶ greeting, nonce p                                head ─▶ greeting, nonce h, HMAC(key, "head" p h)
//! part ─▶ 1, HMAC(key, "part" p h), or 0 and the end       afterwards: length, bytes, HMAC(session, direction count length bytes)
//! ```
//!
//! The session's key is HMAC(key, "session" p h), so that no message of one connection is one of another, or comes twice. A length
//! is checked before memory is taken, and memory is taken as bytes arrive.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// The first bytes of either side; the number is the protocol's.
const GREETING: &[u8; 12] = b"hefu part 1\n";
/// Bytes of a message at most.
const MOST_BYTES: u64 = 1 << 30;
/// Time limit of a greeting.
const GREETING_TIME: Duration = Duration::from_secs(10);
/// Time limit of the other side to receive.
const SENDING_TIME: Duration = Duration::from_secs(60);
/// After so long without a word it is asked whether the other machine is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

type Code = [u8; 32];

/// Secret of the head and its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    /// Fewest bytes of a key.
    pub const LEAST_BYTES: usize = 16;

    /// These bytes.
    ///
    /// # Errors
    /// Fewer than [`Key::LEAST_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Key, String> {
        if bytes.len() < Key::LEAST_BYTES {
            return Err(format!("a key of parts has at least {} bytes, not {}", Key::LEAST_BYTES, bytes.len()));
        }
        Ok(Key(bytes.to_vec()))
    }

    /// No key: whoever reaches a part can ask it. For one machine alone.
    pub fn none() -> Key {
        Key(Vec::new())
    }

    /// True if there is none.
    pub fn is_none(&self) -> bool {
        self.0.is_empty()
    }

    fn code(&self, parts: &[&[u8]]) -> Code {
        mac(&self.0, parts).finalize().into_bytes().into()
    }
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    // A key of any length will do.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of all lengths");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// Side of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Head,
    Part,
}

/// A connection whose other side has shown that it has the key.
#[derive(Debug)]
pub(crate) struct Channel {
    stream: TcpStream,
    session: Code,
    side: Side,
    sent: u64,
    received: u64,
}

impl Channel {
    /// The head's side of a connection. `patience`: how long the part may be silent.
    ///
    /// # Errors
    /// No part, or one with another key.
    pub(crate) fn to_part(mut stream: TcpStream, key: &Key, patience: Duration) -> io::Result<Channel> {
        prepare(&stream)?;
        let theirs = greeting(&mut stream)?;
        let own = nonce()?;
        stream.write_all(GREETING)?;
        stream.write_all(&own)?;
        stream.write_all(&key.code(&[b"head", &theirs, &own]))?;
        let (mut answer, mut code) = ([0; 1], [0; 32]);
        stream.read_exact(&mut answer)?;
        if answer[0] != 1 {
            return Err(other("it has another key"));
        }
        stream.read_exact(&mut code)?;
        mac(&key.0, &[b"part", &theirs, &own]).verify_slice(&code).map_err(|_| other("it has another key"))?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Channel { stream, session: key.code(&[b"session", &theirs, &own]), side: Side::Head, sent: 0, received: 0 })
    }

    /// The part's side of a connection.
    ///
    /// # Errors
    /// Somebody who has not the key.
    pub(crate) fn to_head(mut stream: TcpStream, key: &Key) -> io::Result<Channel> {
        prepare(&stream)?;
        let own = nonce()?;
        stream.write_all(GREETING)?;
        stream.write_all(&own)?;
        let theirs = greeting(&mut stream)?;
        let mut code = [0; 32];
        stream.read_exact(&mut code)?;
        if mac(&key.0, &[b"head", &own, &theirs]).verify_slice(&code).is_err() {
            stream.write_all(&[0])?;
            return Err(other("it has another key"));
        }
        stream.write_all(&[1])?;
        stream.write_all(&key.code(&[b"part", &own, &theirs]))?;
        stream.set_read_timeout(None)?;
        Ok(Channel { stream, session: key.code(&[b"session", &own, &theirs]), side: Side::Part, sent: 0, received: 0 })
    }

    /// Sends a message.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let length = (bytes.len() as u64).to_le_bytes();
        if bytes.len() as u64 > MOST_BYTES {
            return Err(other("a message is too large"));
        }
        let code = self.mac(self.side, self.sent, &length, bytes).finalize().into_bytes();
        self.sent += 1;
        // One write for what is small, so that it is one packet.
        let mut head = Vec::with_capacity(bytes.len().min(1 << 16) + length.len() + code.len());
        head.extend_from_slice(&length);
        if bytes.len() <= 1 << 16 {
            head.extend_from_slice(bytes);
            head.extend_from_slice(&code);
            return self.stream.write_all(&head);
        }
        self.stream.write_all(&head)?;
        self.stream.write_all(bytes)?;
        self.stream.write_all(&code)
    }

    /// The next message.
    pub(crate) fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        self.stream.read_exact(&mut length)?;
        let count = u64::from_le_bytes(length);
        if count > MOST_BYTES {
            return Err(other("a message is too large"));
        }
        let mut bytes = Vec::new();
        if (&self.stream).take(count).read_to_end(&mut bytes)? as u64 != count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut code = [0; 32];
        self.stream.read_exact(&mut code)?;
        let from = if self.side == Side::Head { Side::Part } else { Side::Head };
        let expected = self.mac(from, self.received, &length, &bytes);
        expected.verify_slice(&code).map_err(|_| other("a message was changed on its way"))?;
        self.received += 1;
        Ok(bytes)
    }

    fn mac(&self, from: Side, count: u64, length: &[u8], bytes: &[u8]) -> Hmac<Sha256> {
        let direction: &[u8] = if from == Side::Head { b"to part" } else { b"to head" };
        mac(&self.session, &[direction, &count.to_le_bytes(), length, bytes])
    }
}

fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(GREETING_TIME))?;
    stream.set_write_timeout(Some(SENDING_TIME))?;
    SockRef::from(stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3))
}

/// Reads the other side's greeting; its nonce.
fn greeting(stream: &mut TcpStream) -> io::Result<Code> {
    let mut found = [0; GREETING.len()];
    stream.read_exact(&mut found)?;
    if found != *GREETING {
        return Err(other("it is no part of this version"));
    }
    let mut nonce = [0; 32];
    stream.read_exact(&mut nonce)?;
    Ok(nonce)
}

fn nonce() -> io::Result<Code> {
    let mut nonce = [0; 32];
    getrandom::fill(&mut nonce).map_err(io::Error::other)?;
    Ok(nonce)
}

fn other(sentence: &'static str) -> io::Error {
    io::Error::other(sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    /// Both sides of a connection, with these keys.
    fn both(head: Key, part: Key) -> (io::Result<Channel>, io::Result<Channel>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        std::thread::scope(|scope| {
            let other = scope.spawn(|| {
                let (stream, _) = listener.accept().expect("a connection");
                Channel::to_head(stream, &part)
            });
            let stream = TcpStream::connect(address).expect("a listener");
            let own = Channel::to_part(stream, &head, Duration::from_secs(5));
            (own, other.join().expect("no panic"))
        })
    }

    #[test]
    fn messages_come_whole_and_once() {
        let key = Key::new(b"0123456789abcdef").expect("16 bytes");
        let (head, part) = both(key.clone(), key);
        let (mut head, mut part) = (head.expect("the same key"), part.expect("the same key"));
        let large: Vec<u8> = (0..300_000_u32).map(|i| i as u8).collect();
        head.send(b"one").expect("sent");
        let sent = large.clone();
        let thread = std::thread::spawn(move || head.send(&sent).map(|()| head));
        assert_eq!((part.receive().expect("one"), part.receive().expect("large")), (b"one".to_vec(), large));
        let mut head = thread.join().expect("no panic").expect("sent");
        part.send(b"").expect("sent");
        assert_eq!(head.receive().expect("nothing"), b"");
        // The same bytes a second time are not the message that is expected.
        head.sent = 0;
        head.send(b"one").expect("sent");
        assert!(part.receive().is_err());
    }

    #[test]
    fn another_key_is_refused_and_too_much_is_not_read() {
        let keys = [&b"0123456789abcdef"[..], b"0123456789abcdeg"].map(|bytes| Key::new(bytes).expect("16 bytes"));
        let [one, other] = keys;
        for (head, part) in [(one.clone(), other), (one.clone(), Key::none()), (Key::none(), one)] {
            let (head, part) = both(head, part);
            assert!(head.expect_err("another key").to_string().contains("another key") && part.is_err());
        }
        assert!(Key::new(b"short").is_err());
        let (head, part) = both(Key::none(), Key::none());
        let (mut head, mut part) = (head.expect("no keys"), part.expect("no keys"));
        head.stream.write_all(&u64::MAX.to_le_bytes()).expect("sent");
        assert!(part.receive().expect_err("too large").to_string().contains("too large"));
    }
}
