//! Standard output and input. Rust's `println!` panics when the reader of a pipe goes away; this does not.

use crate::failure::Failure;
use crate::plain::{json_text, visible};
use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use unicode_width::UnicodeWidthStr;

/// U+FEFF as UTF-8: what some programs begin text files with.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Most bytes that are read from standard input or a text file (256 MiB).
const MAX_INPUT_BYTES: u64 = 256 << 20;

/// With fewer columns for words, lines are left to the terminal.
const LEAST_WORDS: usize = 16;

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

/// Columns of the terminal behind standard output, if there is one.
pub(crate) fn columns() -> Option<usize> {
    #[cfg(unix)]
    if io::stdout().is_terminal() {
        return rustix::termios::tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    }
    None
}

/// Words behind the start of a line, in lines of at most so many columns; further lines begin below the first word. Where there
/// is no room for words, and without a width, all is one line.
pub(crate) fn hanging(start: &str, words: &str, width: Option<usize>) -> String {
    let indent = start.width();
    let mut text = start.to_owned();
    let mut column = indent;
    for word in words.split_whitespace() {
        let length = word.width();
        if column > indent {
            let fits = width.is_none_or(|width| column + 1 + length <= width || width < indent + LEAST_WORDS);
            text += &if fits { " ".to_owned() } else { format!("\n{:indent$}", "") };
            column = if fits { column + 1 } else { indent };
        }
        text += word;
        column += length;
    }
    text + "\n"
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
    fn words_begin_below_each_other() {
        let hang = |width| hanging("name  ", "one two three", width);
        assert_eq!(hang(None), "name  one two three\n");
        assert_eq!(hanging("name  ", "one two three four five", Some(23)), "name  one two three\n      four five\n");
        assert_eq!(hang(Some(12)), hang(None));
        assert_eq!(hanging("", "a b", Some(80)), "a b\n");
    }

    #[test]
    fn text_must_be_utf8() {
        let read = |bytes: &[u8]| read_text(bytes, Path::new("x")).map_err(|error| error.to_string());
        assert_eq!(read("合符".as_bytes()), Ok("合符".to_owned()));
        assert!(read(b"ab\xff").unwrap_err().contains("byte 2"));
    }
}
