//! A client that does nothing of its own accord, so that tests can do wrong what a library does right.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Time after which a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(240);

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Names in small letters.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer that is read piece by piece.
pub(crate) struct Stream {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    reader: BufReader<TcpStream>,
    is_chunked: bool,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }

    /// The JSON of a request that must succeed.
    pub(crate) fn success(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()
    }

    /// The sentence of a request that must be refused so.
    pub(crate) fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()["error"]["message"].as_str().unwrap().to_owned()
    }

    /// The objects of a stream of events, without the mark at its end.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert_eq!(self.status, 200, "{}", self.text());
        events(self.text())
    }
}

impl Stream {
    /// The next piece of the body; `None` at its end, an error where it breaks off.
    pub(crate) fn piece(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        if !self.is_chunked {
            let mut rest = Vec::new();
            self.reader.read_to_end(&mut rest)?;
            return Ok(Some(rest).filter(|rest| !rest.is_empty()));
        }
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let broken = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        let length = usize::from_str_radix(line.trim(), 16).map_err(|_| broken())?;
        let mut piece = vec![0; length + 2];
        self.reader.read_exact(&mut piece)?;
        piece.truncate(length);
        Ok(Some(piece).filter(|piece| !piece.is_empty()))
    }

    /// Rest of the body.
    pub(crate) fn rest(&mut self) -> std::io::Result<Vec<u8>> {
        let mut rest = Vec::new();
        while let Some(piece) = self.piece()? {
            rest.extend(piece);
        }
        Ok(rest)
    }

    /// Reads on until some text of the answer has come.
    pub(crate) fn until_text(&mut self) {
        loop {
            let piece = self.piece().unwrap().expect("the answer ended without text");
            let has_text = |event: &Value| event["choices"][0]["text"].as_str().is_some_and(|text| !text.is_empty());
            if events(&String::from_utf8_lossy(&piece)).iter().any(has_text) {
                return;
            }
        }
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}

pub(crate) fn events(text: &str) -> Vec<Value> {
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|_| panic!("no JSON: {data}"))).collect()
}

pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A request as bytes; the connection is closed after its answer.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}");
    if method == "POST" {
        request.push_str(&format!("content-type: application/json\r\ncontent-length: {}\r\n", body.len()));
    }
    [request.as_bytes(), b"\r\n", body].concat()
}

/// Reads the head of an answer.
pub(crate) fn begin(stream: TcpStream) -> std::io::Result<Stream> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    let pair = |line: &String| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: Vec<(String, String)> = lines[1..].iter().filter_map(pair).collect();
    let is_chunked = header(&headers, "transfer-encoding") == Some("chunked");
    Ok(Stream { status, headers, reader, is_chunked })
}

/// Sends bytes and reads the whole answer.
pub(crate) fn exchange(port: u16, request: &[u8]) -> std::io::Result<Reply> {
    let mut stream = connect(port);
    // A server that refuses may close before it has read everything.
    let sent = stream.write_all(request);
    let mut stream = match (begin(stream), sent) {
        (Ok(stream), _) => stream,
        (Err(_), Err(error)) | (Err(error), Ok(())) => return Err(error),
    };
    let body = stream.rest()?;
    Ok(Reply { status: stream.status, headers: stream.headers, body })
}
