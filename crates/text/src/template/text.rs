//! Values as text: Python's `str()` and `repr()`.

use std::fmt::Write as _;

use minijinja::value::{Value, ValueKind};
use minijinja::{Error, State};

use super::guard::{charge_bytes, is_float, is_namespace};
use super::limits::MAX_NESTING;
use super::number::python_float;

/// `str(value)`, charged against the render's fuel while it grows.
pub(super) fn python_str(state: &State, value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    push_str(state, &mut out, value)?;
    Ok(out)
}

/// Appends `str(value)`.
pub(super) fn push_str(state: &State, out: &mut String, value: &Value) -> Result<(), Error> {
    match value.as_str() {
        Some(text) => {
            charge_bytes(state, text.len())?;
            out.push_str(text);
            Ok(())
        }
        None if value.is_undefined() => Ok(()),
        None => push_repr(state, out, value, 0),
    }
}

fn push_repr(state: &State, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > MAX_NESTING {
        return Err(super::faults::too_deep());
    }
    // Walking costs more than copying: one unit of fuel for each value.
    state.consume_fuel(1)?;
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            charge_bytes(state, text.len())?;
            push_quoted(out, text);
        }
        ValueKind::Undefined => out.push_str("Undefined"),
        ValueKind::Number if is_float(value) => {
            out.push_str(&python_float(f64::try_from(value.clone()).unwrap_or_default()));
        }
        ValueKind::Seq | ValueKind::Iterable => push_sequence(state, out, value, depth)?,
        ValueKind::Map if !is_namespace(value) => {
            out.push('{');
            for (index, key) in value.try_iter()?.enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                push_repr(state, out, &key, depth + 1)?;
                out.push_str(": ");
                push_repr(state, out, &value.get_item(&key)?, depth + 1)?;
            }
            out.push('}');
        }
        ValueKind::Map => out.push_str("<Namespace>"),
        ValueKind::Bool | ValueKind::None | ValueKind::Number => {
            let _ = write!(out, "{value}");
        }
        kind => {
            let _ = write!(out, "<{kind}>");
        }
    }
    Ok(())
}

fn push_sequence(state: &State, out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    let tuple = value.is_tuple();
    out.push(if tuple { '(' } else { '[' });
    let mut count = 0;
    for item in value.try_iter()? {
        if count > 0 {
            out.push_str(", ");
        }
        push_repr(state, out, &item, depth + 1)?;
        count += 1;
    }
    if tuple && count == 1 {
        out.push(',');
    }
    out.push(if tuple { ')' } else { ']' });
    Ok(())
}

/// A string literal as `repr` writes it: single quotes unless only they occur inside, and escapes for everything that
/// does not print.
fn push_quoted(out: &mut String, text: &str) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for character in text.chars() {
        match character {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            _ if character == quote => {
                out.push('\\');
                out.push(quote);
            }
            _ if is_printable(character) => out.push(character),
            _ => {
                let code = u32::from(character);
                let _ = match code {
                    0..=0xff => write!(out, "\\x{code:02x}"),
                    0x100..=0xffff => write!(out, "\\u{code:04x}"),
                    _ => write!(out, "\\U{code:08x}"),
                };
            }
        }
    }
    out.push(quote);
}

/// Python's `str.isprintable` for one character. The standard library keeps the same table for `escape_debug`, which
/// escapes a combining mark only at the start of a string; hence the letter in front.
fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_control();
    }
    let mut buffer = String::from("a");
    buffer.push(character);
    buffer.escape_debug().nth(1) != Some('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_as_python_does() {
        let cases = [
            ("a", "'a'"),
            ("it's", "\"it's\""),
            ("it's \"b\"", "'it\\'s \"b\"'"),
            ("\u{0}\n\\\u{7f}", "'\\x00\\n\\\\\\x7f'"),
            ("é\u{a0}\u{200b}e\u{301}漢\u{e000}\u{10ffff}", "'é\\xa0\\u200be\u{301}漢\\ue000\\U0010ffff'"),
        ];
        for (text, expected) in cases {
            let mut out = String::new();
            push_quoted(&mut out, text);
            assert_eq!(out, expected);
        }
    }
}
