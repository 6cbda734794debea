//! Lines of an answer that end between words, on a terminal.

use crate::output::columns;
use unicode_width::UnicodeWidthChar;

/// Narrower than this, lines are left to the terminal.
const LEAST_WIDTH: usize = 20;
/// Fence of a block of code, whose lines are left as they are so that they can be copied.
const FENCE: &str = "```";
/// Wide characters that no line begins with, and that no line ends with.
const CLOSING: &str = "，。、；：？！）》」』】〉”’…—～";
const OPENING: &str = "（《「『【〈“‘";

/// Text on its way to a terminal. A word is held back until its end is known.
pub(super) struct Wrap {
    /// Columns of the terminal; `None` leaves everything as it is.
    width: Option<usize>,
    column: usize,
    /// Blanks before the word that is held back.
    gap: usize,
    word: String,
    /// The line so far, as far as it tells what kind of line it is.
    start: String,
    in_code: bool,
}

impl Wrap {
    /// For standard output as it is now.
    pub(super) fn new() -> Self {
        Self::to(columns())
    }

    fn to(width: Option<usize>) -> Self {
        let width = width.filter(|width| *width >= LEAST_WIDTH);
        Self { width, column: 0, gap: 0, word: String::new(), start: String::new(), in_code: false }
    }

    /// Takes a piece of text and gives what may be shown.
    pub(super) fn push(&mut self, text: &str) -> String {
        let Some(width) = self.width else { return text.to_owned() };
        let mut shown = String::new();
        for c in text.chars() {
            if c == '\n' {
                self.release(width, &mut shown);
                self.end_line(&mut shown);
                continue;
            }
            if self.start.len() < FENCE.len() && !(c == ' ' && self.start.is_empty()) {
                self.start.push(c);
            }
            if self.in_code || self.start.starts_with(FENCE) {
                self.release(width, &mut shown);
                shown.extend(std::iter::repeat_n(' ', std::mem::take(&mut self.gap)));
                shown.push(c);
            } else if c == ' ' {
                self.release(width, &mut shown);
                self.gap += 1;
            } else {
                if self.may_break_before(c) {
                    self.release(width, &mut shown);
                }
                self.word.push(c);
            }
        }
        shown
    }

    /// Text that was held back.
    pub(super) fn finish(&mut self) -> String {
        let mut shown = String::new();
        if let Some(width) = self.width {
            self.release(width, &mut shown);
        }
        shown
    }

    /// Shows the word, on a line of its own if it does not fit behind the others.
    fn release(&mut self, width: usize, shown: &mut String) {
        if self.word.is_empty() {
            return;
        }
        let needed: usize = self.word.chars().map(columns_of).sum();
        let gap = std::mem::take(&mut self.gap);
        if self.column > 0 && self.column + gap + needed > width {
            shown.push('\n');
            self.column = 0;
        } else {
            shown.extend(std::iter::repeat_n(' ', gap));
            self.column += gap;
        }
        shown.push_str(&std::mem::take(&mut self.word));
        self.column = (self.column + needed) % (width + 1);
    }

    fn end_line(&mut self, shown: &mut String) {
        self.in_code ^= self.start.starts_with(FENCE);
        self.start.clear();
        shown.extend(std::iter::repeat_n(' ', std::mem::take(&mut self.gap)));
        shown.push('\n');
        self.column = 0;
    }

    /// Chinese and its like break between characters, but for punctuation.
    fn may_break_before(&self, c: char) -> bool {
        let Some(last) = self.word.chars().next_back() else { return false };
        let is_wide = columns_of(last) == 2 || columns_of(c) == 2;
        is_wide && !CLOSING.contains(c) && !OPENING.contains(last)
    }
}

/// Writes one line to standard error, as elsewhere, that ends between words where a person reads it.
pub(super) fn line(text: &str) {
    let mut wrap = Wrap::new();
    let shown = wrap.push(&crate::words::said(text));
    crate::progress::line(&(shown + &wrap.finish()));
}

fn columns_of(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str) -> String {
        let whole = |mut wrap: Wrap| wrap.push(text) + &wrap.finish();
        let at_once = whole(Wrap::to(Some(20)));
        // However the text comes in pieces, the same is shown.
        let mut wrap = Wrap::to(Some(20));
        let bit_by_bit: String = text.chars().map(|c| wrap.push(&c.to_string())).collect();
        assert_eq!(bit_by_bit + &wrap.finish(), at_once);
        assert_eq!(whole(Wrap::to(None)), text);
        at_once
    }

    #[test]
    fn lines_end_between_words_and_code_is_left_alone() {
        assert_eq!(wrapped("short"), "short");
        assert_eq!(wrapped("a line that is too long to fit"), "a line that is too\nlong to fit");
        assert_eq!(wrapped("twenty columns here. x"), "twenty columns here.\nx");
        assert_eq!(wrapped("a\n\n  b  c \n"), "a\n\n  b  c \n");
        let long = "x".repeat(30);
        assert_eq!(wrapped(&format!("a {long} b")), format!("a\n{long} b"));
        let code = format!("```rust\nlet {long} = 1;\n```\n");
        assert_eq!(wrapped(&code), code);
        assert_eq!(wrapped(&format!("{code}a line that is too long")), format!("{code}a line that is too\nlong"));
        assert_eq!(wrapped("古人调兵以符为信，一剖为二，各执一半"), "古人调兵以符为信，一\n剖为二，各执一半");
        assert_eq!(wrapped("古人调兵以符为信物也，一剖为二"), "古人调兵以符为信物\n也，一剖为二");
    }
}
