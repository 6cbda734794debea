//! Progress on standard error: a bar where a person watches, a line now and then in a log.

use crate::plain::visible;
use crate::units;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// In a log the first line comes after this time, so that what is quick leaves none, and further ones as far apart.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Writes one line to standard error, in the language that was chosen and without anything that would control the terminal. That it cannot be written is nothing
/// to stop for.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&crate::words::said(text)));
}

/// Unit of the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Bytes.
    Bytes,
    /// Pieces of work that need no unit.
    Count,
}

/// One task's progress.
#[derive(Debug)]
pub(crate) struct Meter {
    label: String,
    unit: Unit,
    bar: Option<ProgressBar>,
    last_line: Instant,
    started: Instant,
    note: String,
}

impl Meter {
    /// A meter at zero. The label is the first word of the bar or line.
    pub(crate) fn new(label: &str, unit: Unit) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            // Hidden until there is something to show.
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            bar.set_message(label.to_owned());
            bar
        });
        let now = Instant::now();
        Self { label: label.to_owned(), unit, bar, last_line: now, started: now, note: String::new() }
    }

    /// Another task from here on, at zero.
    pub(crate) fn relabel(&mut self, label: &str) {
        if self.label != label {
            label.clone_into(&mut self.label);
            if let Some(bar) = &self.bar {
                bar.set_message(label.to_owned());
                bar.reset_eta();
            }
        }
    }

    /// A short text behind the numbers.
    pub(crate) fn note(&mut self, note: String) {
        if let Some(bar) = &self.bar {
            bar.set_prefix(note.clone());
        }
        self.note = note;
    }

    /// `done` of `total` are done; `total` is `None` while it is not known.
    pub(crate) fn set(&mut self, done: u64, total: Option<u64>) {
        match &self.bar {
            Some(bar) => {
                if bar.length() != total || bar.position() == 0 {
                    bar.set_style(self.style(total.is_some()));
                    if bar.is_hidden() && io::stderr().is_terminal() {
                        bar.set_draw_target(ProgressDrawTarget::stderr());
                    }
                    match total {
                        Some(total) => bar.set_length(total),
                        None => bar.unset_length(),
                    }
                }
                bar.set_position(done);
            }
            None if self.last_line.elapsed() >= LINE_INTERVAL => {
                self.last_line = Instant::now();
                line(&self.sentence(done, total));
            }
            None => {}
        }
    }

    /// Writes a line above the bar.
    pub(crate) fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| line(text)),
            None => line(text),
        }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn style(&self, known: bool) -> ProgressStyle {
        let template = match (self.unit, known) {
            (Unit::Bytes, true) => {
                "{msg} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta} {prefix}"
            }
            (Unit::Bytes, false) => "{msg} {spinner} {binary_bytes} {binary_bytes_per_sec} {prefix}",
            (Unit::Count, true) => "{msg} {wide_bar} {pos}/{len} {eta} {prefix}",
            (Unit::Count, false) => "{msg} {spinner} {pos} {prefix}",
        };
        // The templates are constants, so the fallback is never seen.
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }

    fn sentence(&self, done: u64, total: Option<u64>) -> String {
        let amount = |count| match self.unit {
            Unit::Bytes => units::bytes(count),
            Unit::Count => units::thousands(count),
        };
        let counted = match total.filter(|total| *total > 0) {
            Some(total) => {
                let percent = (u128::from(done) * 100 / u128::from(total)).min(100);
                format!("{} of {} ({percent} %)", amount(done), amount(total))
            }
            None => amount(done),
        };
        let separator = if self.note.is_empty() { "" } else { ", " };
        format!("{} {counted}{separator}{}", self.label, self.note)
    }
}

impl Drop for Meter {
    /// Takes the bar away: what remains on the screen is what the command says.
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        let mut meter = Meter::new("fetching", Unit::Bytes);
        assert_eq!(meter.sentence(1024, Some(4096)), "fetching 1.00 KiB of 4.00 KiB (25 %)");
        assert_eq!(meter.sentence(1024, None), "fetching 1.00 KiB");
        meter.note("from a path".to_owned());
        assert_eq!(meter.sentence(0, Some(0)), "fetching 0 B, from a path");
    }

    #[test]
    fn every_template_is_understood() {
        for unit in [Unit::Bytes, Unit::Count] {
            let mut meter = Meter::new("x", unit);
            meter.bar = Some(ProgressBar::hidden());
            meter.set(0, Some(10));
            meter.set(5, Some(10));
            meter.set(6, None);
            meter.say("line");
            assert_eq!(meter.bar.as_ref().map(ProgressBar::position), Some(6));
        }
    }
}
