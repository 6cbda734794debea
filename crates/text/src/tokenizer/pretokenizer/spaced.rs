//! Patterns whose only look-ahead is that of white space, `\s+(?!\S)|\s+` at their end: all white space, less its last
//! character if something follows.
use super::Error;
use super::classes::{self, END, SPACE};
use super::words::is_line_end;
use regex::Regex;

const WHITE_SPACE: &str = r"|\s+(?!\S)|\s+";

/// A pattern that ends with [`WHITE_SPACE`].
pub(super) struct Spaced {
    /// The pattern with `\s+` alone in the place of its end.
    regex: Regex,
    /// True if white space that ends with a line end is matched by an alternative of its own.
    lines: bool,
}

impl Spaced {
    /// Fails when the pattern does not end so or the engine refuses it.
    pub(super) fn new(pattern: &str) -> Result<Self, Error> {
        let fail = |reason: String| Error::Build { reason };
        let rest = pattern.strip_suffix(WHITE_SPACE).ok_or_else(|| fail(format!("{pattern} has another end")))?;
        let regex = Regex::new(&format!(r"{rest}|\s+")).map_err(|error| fail(error.to_string()))?;
        Ok(Self { regex, lines: rest.contains(r"|\s*[\r\n]") })
    }

    /// The next match from byte offset `from` on.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<(usize, usize)> {
        let found = self.regex.find_at(text, from)?;
        let (start, end) = (found.start(), found.end());
        let Some(last) = found.as_str().char_indices().next_back() else { return Some((start, end)) };
        let is_line = self.lines && last.1.is_ascii() && is_line_end(last.1 as u8);
        let is_space = classes::run(found.as_str(), 0, |class| class & SPACE != 0) == found.len();
        let at_text_end = classes::at(text, end).0 & END != 0;
        let is_whole = at_text_end || is_line || last.0 == 0 || !is_space;
        Some((start, if is_whole { end } else { start + last.0 }))
    }
}
