//! Text of strangers, made safe for a terminal.

use std::borrow::Cow;

/// The text with control characters written out, line breaks and tabs excepted: those that move the cursor, change colours or
/// titles, or turn the direction of reading.
pub(crate) fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_hidden(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let write = |c: char| match c {
        '\n' | '\t' => c.to_string(),
        c if is_hidden(c) => c.escape_default().to_string(),
        c => c.to_string(),
    };
    Cow::Owned(text.chars().map(write).collect())
}

/// As [`visible`], for a text that belongs on one line.
pub(crate) fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// JSON in which no character controls a terminal. Those that JSON lets stand are inside strings, and escaped there.
pub(crate) fn json_text(json: &str) -> Cow<'_, str> {
    if !json.chars().any(|c| is_hidden(c) && c != '\n') {
        return Cow::Borrowed(json);
    }
    let write = |c: char| if is_hidden(c) && c != '\n' { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Cow::Owned(json.chars().map(write).collect())
}

/// Controls (C0, C1), marks and overrides of direction, separators of lines and paragraphs.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_shown_controls_the_terminal() {
        let text = "a\tb\n\u{1b}]0;x\u{7}\u{9b}\u{202e}合符\u{7f}";
        assert_eq!(visible(text), "a\tb\n\\u{1b}]0;x\\u{7}\\u{9b}\\u{202e}合符\\u{7f}");
        assert_eq!(on_one_line("a\nb\t合"), "a\\nb\\t合");
        assert!(matches!(visible("plain\n合符"), Cow::Borrowed(_)));
        let json = serde_json::json!({"x": text}).to_string();
        let written = json_text(&json);
        assert!(!written.chars().any(is_hidden));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap()["x"], text);
    }
}
