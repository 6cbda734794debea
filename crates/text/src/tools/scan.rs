//! Finding the end of a JSON value while it arrives.

/// Deepest nesting of a value that is taken for a call.
const MAX_NESTING: usize = 64;

/// State of a value so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scanned {
    /// It goes on.
    More,
    /// It ends before this offset.
    End(usize),
    /// It is no JSON.
    Broken,
}

/// Expected next part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    /// A value; in an array that has just begun also its end.
    Value { or_end: bool },
    /// A key; in an object that has just begun also its end.
    Key { or_end: bool },
    /// The colon after a key.
    Colon,
    /// A comma or the end of what is open.
    Next,
    /// The rest of a text; after a backslash if `escaped`.
    Text { is_key: bool, escaped: bool },
    /// The rest of a number, `true`, `false` or `null`; its letters are checked by whoever parses the value.
    Word,
}

/// Reads an object or an array byte by byte, refusing as early as possible what cannot become one. It stops at the same
/// byte however its input is cut.
#[derive(Clone, Debug)]
pub(super) struct Scanner {
    open: Vec<u8>,
    expect: Expect,
    /// Bytes read.
    at: usize,
    result: Scanned,
}

impl Scanner {
    pub(super) fn new() -> Self {
        Self { open: Vec::new(), expect: Expect::Value { or_end: false }, at: 0, result: Scanned::More }
    }

    /// Reads on in `text`, the whole of the value so far.
    pub(super) fn scan(&mut self, text: &str) -> Scanned {
        for &byte in text.as_bytes().get(self.at..).unwrap_or(&[]) {
            if self.result != Scanned::More {
                break;
            }
            self.at += 1;
            self.result = if !self.take(byte) {
                Scanned::Broken
            } else if self.open.is_empty() {
                Scanned::End(self.at)
            } else {
                Scanned::More
            };
        }
        self.result
    }

    fn take(&mut self, byte: u8) -> bool {
        match self.expect {
            Expect::Text { is_key, escaped } => return self.text(byte, is_key, escaped),
            Expect::Word if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.') => return true,
            Expect::Word => self.expect = Expect::Next,
            _ => {}
        }
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return !self.open.is_empty();
        }
        match (self.expect, byte) {
            (Expect::Value { or_end: true } | Expect::Next, b']') => self.close(b'['),
            (Expect::Key { or_end: true } | Expect::Next, b'}') => self.close(b'{'),
            (Expect::Value { .. }, b'[') => self.begin(byte, Expect::Value { or_end: true }),
            (Expect::Value { .. }, b'{') => self.begin(byte, Expect::Key { or_end: true }),
            // Only an object or an array can be a call or a list of calls.
            (Expect::Value { .. }, _) if self.open.is_empty() => false,
            (Expect::Value { .. }, b'"') => self.go(Expect::Text { is_key: false, escaped: false }),
            (Expect::Value { .. }, b'-' | b'0'..=b'9' | b't' | b'f' | b'n') => self.go(Expect::Word),
            (Expect::Key { .. }, b'"') => self.go(Expect::Text { is_key: true, escaped: false }),
            (Expect::Colon, b':') => self.go(Expect::Value { or_end: false }),
            (Expect::Next, b',') if self.open.last() == Some(&b'{') => self.go(Expect::Key { or_end: false }),
            (Expect::Next, b',') => self.go(Expect::Value { or_end: false }),
            _ => false,
        }
    }

    fn text(&mut self, byte: u8, is_key: bool, escaped: bool) -> bool {
        self.expect = match byte {
            _ if escaped => Expect::Text { is_key, escaped: false },
            b'\\' => Expect::Text { is_key, escaped: true },
            b'"' if is_key => Expect::Colon,
            b'"' => Expect::Next,
            // JSON has no control characters in texts.
            0..=0x1F => return false,
            _ => Expect::Text { is_key, escaped: false },
        };
        true
    }

    fn go(&mut self, expect: Expect) -> bool {
        self.expect = expect;
        true
    }

    fn begin(&mut self, byte: u8, expect: Expect) -> bool {
        self.open.push(byte);
        self.expect = expect;
        self.open.len() <= MAX_NESTING
    }

    fn close(&mut self, open: u8) -> bool {
        self.expect = Expect::Next;
        self.open.pop() == Some(open)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scan(text: &str) -> Scanned {
        Scanner::new().scan(text)
    }

    #[test]
    fn a_value_ends_where_its_last_bracket_closes() {
        for value in
            [r#"{}"#, r#"[]"#, r#"{"a":[1,{"b":null}],"c":"}]\"\\"}"#, r#"[ -1.5e3 , true ]"#, r#"{"a" : {} }"#]
        {
            assert_eq!(scan(&format!("{value}rest")), Scanned::End(value.len()), "{value}");
            for cut in (0..value.len()).filter(|cut| value.is_char_boundary(*cut)) {
                assert_eq!(scan(&value[..cut]), Scanned::More, "{}", &value[..cut]);
            }
        }
    }

    #[test]
    fn what_cannot_become_a_value_is_broken_at_once() {
        for text in [
            "x",
            "\"a\"",
            "1",
            " {}",
            "{x",
            "{\"a\"1",
            "{\"a\":}",
            "[,",
            "[1 2",
            "{]",
            "[}",
            "{\"a\":\"\n",
            "{\"a\":1,}",
        ] {
            assert_eq!(scan(text), Scanned::Broken, "{text}");
        }
        assert_eq!(scan(&"[".repeat(MAX_NESTING)), Scanned::More);
        assert_eq!(scan(&"[".repeat(MAX_NESTING + 1)), Scanned::Broken);
    }
}
