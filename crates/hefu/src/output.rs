//! Standard output and input. Rust's `println!` panics when the reader of a pipe goes away; this does not.

use crate::failure::Failure;
use crate::plain::{json_text, visible};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;

/// U+FEFF as UTF-8: what some programs begin text files with.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Most bytes that are read from standard input or a text file (256 MiB).
const MAX_INPUT_BYTES: u64 = 256 << 20;

/// Writes to standard output at once.
///
/// # Errors
/// [`Failure::ClosedPipe`] if nobody reads any more, [`Failure::File`] otherwise.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::ClosedPipe,
        _ => Failure::file("write to", Path::new("standard output"), error),
    })
}

/// Writes text that others had a hand in: characters that would control a terminal are written out.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_plain(text: &str) -> Result<(), Failure> {
    print(&visible(text))
}

/// Writes one JSON value and a line break.
///
/// # Errors
/// As [`print()`].
pub(crate) fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{}\n", json_text(&format!("{value:#}"))))
}

/// All of standard input if it is a pipe or a file, `None` if a person sits there.
///
/// # Errors
/// [`Failure::File`] if it cannot be read, [`Failure::Other`] if it is too long or not UTF-8.
pub(crate) fn piped_input() -> Result<Option<String>, Failure> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return Ok(None);
    }
    read_text(stdin.lock(), Path::new("standard input")).map(Some)
}

/// All of a text file.
///
/// # Errors
/// As [`piped_input`].
pub(crate) fn text_file(path: &Path) -> Result<String, Failure> {
    let file = std::fs::File::open(path).map_err(|error| Failure::file("open", path, error))?;
    read_text(file, path)
}

fn read_text(reader: impl Read, path: &Path) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    let read = reader.take(MAX_INPUT_BYTES + 1).read_to_end(&mut bytes);
    read.map_err(|error| Failure::file("read", path, error))?;
    if bytes.len() as u64 > MAX_INPUT_BYTES {
        return Err(Failure::Other(format!(
            "{} is longer than {} MiB, the most text that is read at once",
            path.display(),
            MAX_INPUT_BYTES >> 20
        )));
    }
    // Some editors put a mark of the byte order before a text; it says nothing.
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    String::from_utf8(bytes).map_err(|error| {
        Failure::Other(format!(
            "{} is not UTF-8 text: byte {} cannot be read; convert it first, for example with iconv",
            path.display(),
            error.utf8_error().valid_up_to()
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_must_be_utf8() {
        let read = |bytes: &[u8]| read_text(bytes, Path::new("x")).map_err(|error| error.to_string());
        assert_eq!(read("合符".as_bytes()), Ok("合符".to_owned()));
        assert!(read(b"ab\xff").unwrap_err().contains("byte 2"));
    }
}
