//! The program's log on standard error. That a line cannot be written (its reader is gone, its disk is full) is nothing
//! to stop for: the line is lost and everything else goes on.

use std::io::{self, Write};
use tracing::Level;

use crate::options::LogFormat;

/// Starts the log. Nothing else in the program does.
pub(crate) fn start(format: LogFormat, quiet: bool) {
    let level = if quiet { Level::WARN } else { Level::INFO };
    // The library reports lines that it could not write with `eprintln!`, which panics where that cannot be written either.
    let log = tracing_subscriber::fmt().log_internal_errors(false);
    let log = log.with_max_level(level).with_target(false).with_writer(|| Lossy(io::stderr()));
    match format {
        LogFormat::Text => log.with_ansi(false).init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
}

/// A writer whose failures nobody hears of.
#[derive(Debug)]
struct Lossy<W>(W);

impl<W: Write> Write for Lossy<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.write_all(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let _ = self.0.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_no_more() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
        }
        let mut log = Lossy(Full);
        assert_eq!(log.write(b"a line\n").unwrap(), 7);
        log.flush().unwrap();
        let mut log = Lossy(Vec::new());
        log.write_all(b"a line\n").unwrap();
        assert_eq!(log.0, b"a line\n");
    }
}
