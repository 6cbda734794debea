//! Text in HTML.

use minijinja::{Error, State};

use super::guard::charge_bytes;

/// Text with HTML's five special characters replaced, as markupsafe does.
pub(super) fn escaped(state: &State, text: &str) -> Result<String, Error> {
    charge_bytes(state, text.len().saturating_mul(5))?;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\'' => out.push_str("&#39;"),
            '"' => out.push_str("&#34;"),
            _ => out.push(character),
        }
    }
    Ok(out)
}
